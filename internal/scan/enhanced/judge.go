package enhanced

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// judgement is what came of judging the components of an image.
type judgement struct {
	missing []string // ecosystems without advisories
	found   int      // problems that nobody knew of
	judged  int      // releases with them
	oldest  time.Time
}

// nothing says that there were no advisories at all: an answer without any would
// read as "nothing found".
func (j judgement) nothing() bool { return j.judged == 0 }

func (j judgement) notes() []string {
	if len(j.missing) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("No vulnerability data is loaded for '%s'.", strings.Join(j.missing, "', '"))}
}

// Bounds of what may be wrong with an image. The worst that were seen in earnest, old
// systems with the sources of several kernels, have a tenth of it.
const (
	maxComponents = 50_000
	maxProblems   = 50_000
)

// errTooMuch is about an image that nobody could read the findings of: it was made
// to be in the way of others.
var errTooMuch = errors.New("enhanced: an image has more components or problems than an image can have")

// errNothing is about an image that holds nothing that anybody could judge.
var errNothing = errors.New("enhanced: an image holds nothing that advisories are about")

// tooMuch is what is told of such an image.
func tooMuch() string {
	return fmt.Sprintf("ScanError: The image has more than %d different packages, or more than %d vulnerabilities in them.", maxComponents, maxProblems)
}

// judge stores an inventory with its components, and judges those that never were.
// Errors: errTooMuch, errNothing.
func (s *Scanner) judge(ctx context.Context, inv *inventory.Inventory) (judgement, error) {
	releases := match.Releases(inv, match.AllPackages)
	if len(releases) == 0 {
		return judgement{}, errNothing
	}
	subjects := match.Components(inv, match.AllPackages)
	if len(subjects) > maxComponents {
		return judgement{}, errTooMuch
	}
	if err := s.store(ctx, inv); err != nil {
		return judgement{}, err
	}
	components := make([]finding.Component, len(subjects))
	for i, subject := range subjects {
		components[i] = subject.Component
	}
	// Before they are judged: whoever follows the advisories has to know of them.
	indexed, err := s.Catalog.IndexInventory(ctx, inv.ID(), components)
	if err != nil {
		return judgement{}, err
	}
	unjudged := map[string][]meta.IndexedComponent{}
	for _, c := range indexed {
		if !c.Judged && c.ID != 0 {
			unjudged[c.Release] = append(unjudged[c.Release], c)
		}
	}
	var out judgement
	for _, release := range releases {
		if err := s.judgeRelease(ctx, release, unjudged[release], &out); err != nil {
			return out, err
		}
	}
	n, err := s.Catalog.CountProblems(ctx, inv.ID(), maxProblems+1)
	if err == nil && n > maxProblems {
		err = errTooMuch
	}
	return out, err
}

// store keeps an inventory, which it may know already.
func (s *Scanner) store(ctx context.Context, inv *inventory.Inventory) error {
	id := inv.ID()
	if s.Inventories.knows(id) {
		return nil
	}
	encoded, err := scan.EncodeInventory(inv)
	if err != nil {
		return err
	}
	ecosystem, _ := match.Ecosystem(inv.OS)
	if err := s.Catalog.PutInventory(ctx, id, ecosystem, encoded); err != nil {
		return err
	}
	s.Inventories.keep(id, contentsOf(inv))
	return nil
}

func (s *Scanner) judgeRelease(ctx context.Context, release string, components []meta.IndexedComponent, out *judgement) error {
	exports := match.Export(release)
	if len(exports) == 0 {
		return nil
	}
	err := s.Advisories.Ensure(ctx, exports[0])
	var a answer
	// A few at a time: others want to write, too. Without any it is asked by which
	// advisories they would be judged.
	for begun := false; err == nil && (!begun || len(components) > 0); begun = true {
		n := min(len(components), componentsAtATime)
		if a, err = judgeAll(ctx, s.Judge, s.Catalog, release, components[:n], true); err == nil {
			components = components[n:]
			for _, problems := range a.problems {
				out.found += len(problems)
			}
		}
		if out.found > maxProblems {
			return errTooMuch
		}
	}
	if err == nil {
		out.judged++
		if checked := a.source.Checked(); out.oldest.IsZero() || checked.Before(out.oldest) {
			out.oldest = checked
		}
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var none *match.NoAdvisoriesError
	if !errors.As(err, &none) && !errors.Is(err, advisory.ErrOff) && !errors.Is(err, advisory.ErrNoExport) {
		s.Logger.WarnContext(ctx, "an image is scanned without the advisories of an ecosystem", "ecosystem", exports[0], "error", err)
	}
	out.missing = append(out.missing, exports[0])
	return nil
}

// Problems is where problems are kept.
type Problems interface {
	PutProblems(ctx context.Context, all []meta.ComponentProblems) (int, error)
}

// answer is what came of judging components.
type answer struct {
	problems map[finding.Component][]finding.Problem
	source   advisory.Source
	queued   int // changes that it has led to
}

// judgeAll judges components of a release and stores what is wrong with them.
// Without components it only asks by which advisories they would be.
func judgeAll(ctx context.Context, judge Judge, store Problems, release string, components []meta.IndexedComponent, ifUnjudged bool) (a answer, err error) {
	plain := make([]finding.Component, len(components))
	for i, c := range components {
		plain[i] = c.Component
	}
	a.problems, a.source, err = judge.Judge(ctx, release, plain)
	if err != nil || len(components) == 0 {
		return a, err
	}
	all := make([]meta.ComponentProblems, len(components))
	for i, c := range components {
		all[i] = meta.ComponentProblems{Component: c.ID, Problems: a.problems[c.Component], IfUnjudged: ifUnjudged}
	}
	a.queued, err = store.PutProblems(ctx, all)
	return a, err
}
