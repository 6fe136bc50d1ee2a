package service

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/scan/enhanced"
	"github.com/ecru-registry/ecru/internal/vex"
)

// Suppressing answers what says of a finding of an image why it does not count:
// nil when nothing does. Decisions count before VEX documents, and those before
// the filters of Inspector's API.
func (s *Service) Suppressing(ctx context.Context, account string, c finding.Coverage) (func(finding.Finding) *finding.Suppression, error) {
	x, err := s.excuses(ctx, account, c.Image)
	if err != nil {
		return nil, err
	}
	filtered := filteredBy(x.said.filters, s.Default.Region)
	return func(f finding.Finding) *finding.Suppression {
		if excused := x.of(f); excused != nil {
			return excused
		}
		return filtered(f)
	}, nil
}

// excuses are the decisions and documents that hold for an image.
type excuses struct {
	said    *saying
	now     time.Time
	image   vex.Image
	sources []vex.Source
	until   map[string]time.Time // of documents
	addedBy map[string]string
}

func (s *Service) excuses(ctx context.Context, account string, image finding.Image) (*excuses, error) {
	said, err := s.saying(ctx, account)
	if err != nil {
		return nil, err
	}
	x := &excuses{
		said: said, now: s.Now(), until: map[string]time.Time{}, addedBy: map[string]string{},
		image: vex.Image{Repository: image.Repository, Digest: image.Digest, Tags: image.Tags, Hosts: s.hostsOf(account)},
	}
	for i := range said.documents {
		d := &said.documents[i]
		scope, ok := d.scopeFor(image.Repository, image.Digest)
		if !ok || !d.inForce(x.now) {
			continue
		}
		compiled, err := s.vexDocument(ctx, account, d)
		if err != nil {
			return nil, err
		}
		for _, part := range compiled.parts {
			x.sources = append(x.sources, vex.Source{Scope: scope, Document: part, ID: d.ID, Before: d.AddedAt, Given: d.isGiven()})
		}
		x.until[d.ID], x.addedBy[d.ID] = d.ExpiresAt, d.AddedBy
	}
	beside, err := s.vexReferrers(ctx, account, image)
	x.sources = append(x.sources, beside...)
	return x, err
}

// hostsOf are the names under which clients reach an account's registry, as far as
// that is known.
func (s *Service) hostsOf(account string) []string {
	if s.PublicHost == "" {
		return nil
	}
	hosts := []string{account + ".dkr.ecr." + s.Default.Region + "." + s.PublicHost}
	if account == s.Default.Account || strings.HasPrefix(s.PublicHost, account+".") {
		hosts = append(hosts, s.PublicHost)
	}
	return hosts
}

// of answers why a finding does not count.
func (x *excuses) of(f finding.Finding) *finding.Suppression {
	if d := x.decision(f); d != nil {
		return &finding.Suppression{Kind: finding.SuppressedByDecision, ID: d.ID, Author: d.Author, Reason: d.Reason, Until: d.ExpiresAt}
	}
	// Of packages that are not listed nobody knows what the documents say.
	if len(x.sources) == 0 || len(f.Packages) == 0 || f.MorePackages > 0 {
		return nil
	}
	q := vex.Question{Image: x.image, Vulnerabilities: append([]string{f.VulnerabilityID}, f.Aliases...)}
	for _, p := range f.Packages {
		q.Packages = append(q.Packages, p.PURL)
	}
	v := vex.Judge(x.sources, q)
	if !v.Excused {
		return nil
	}
	return &finding.Suppression{
		Kind: finding.SuppressedByStatement, ID: v.Document, Author: v.Author, AddedBy: x.addedBy[v.Document],
		Reason: cmp.Or(v.Note, v.Justification), Until: x.until[v.Document],
		Statement: strings.TrimSuffix(string(v.Status)+": "+v.Justification, ": "),
	}
}

// decision finds the decision about a finding that holds for longest.
func (x *excuses) decision(f finding.Finding) *finding.Decision {
	var best *finding.Decision
	look := func(id string) {
		for _, d := range x.said.decisions[strings.ToLower(id)] {
			if d.Excuses(f, x.now) && (best == nil || !best.ExpiresAt.IsZero() && (d.ExpiresAt.IsZero() || d.ExpiresAt.After(best.ExpiresAt))) {
				best = d
			}
		}
	}
	if len(x.said.decisions) > 0 {
		look(f.VulnerabilityID)
		for _, alias := range f.Aliases {
			look(alias)
		}
	}
	return best
}

// saidOf is what is said anew: of an image, of a repository or of all that a pattern
// matches, until a time.
type saidOf struct {
	repository, digest, id string
	until                  time.Time // zero: for ever, or it is taken back
}

// job is the one that asks again, at a time.
func (o saidOf) job(account string, at time.Time) job.Job {
	switch {
	case o.digest != "":
		return enhanced.NewResettleImageJob(account, o.repository, o.digest, at)
	case strings.Contains(o.repository, "*"):
		return enhanced.NewResettleJob(account, "", at)
	}
	return enhanced.NewResettleJob(account, o.repository, at)
}

// saidAnew makes a change of what is said about findings. They are looked at again,
// whatever happens in between, and once more when what is said ends.
func (s *Service) saidAnew(ctx context.Context, account string, about saidOf, change func() error) error {
	if !about.until.IsZero() {
		end := about.job(account, about.until)
		end.Key += "/" + about.id // it must not hold up another that is due at once
		if err := s.enqueue(ctx, end); err != nil {
			return err
		}
	}
	return s.withJob(ctx, about.job(account, s.Now()), func() error {
		if err := change(); err != nil {
			return err
		}
		return s.forgetSayings(ctx, account)
	})
}

// forgetSayings has all processes read again what an account says.
func (s *Service) forgetSayings(ctx context.Context, account string) error {
	return s.Store.PutSetting(ctx, account, settingSuppressions, uuid.NewString())
}

// Resettling completes what does the jobs that ask again what is suppressed. A
// process that ended between a change and its announcement has left one: nobody
// must do it by what was said before.
func (s *Service) Resettling(do job.Handler) job.Handler {
	return func(ctx context.Context, j job.Job) error {
		if account := enhanced.AccountOf(j); account != "" {
			if err := s.forgetSayings(ctx, account); err != nil {
				return err
			}
		}
		return do(ctx, j)
	}
}

// enqueue stores jobs and wakes who does them.
func (s *Service) enqueue(ctx context.Context, jobs ...job.Job) error {
	err := s.Store.Enqueue(ctx, jobs...)
	if err == nil {
		s.Wake()
	}
	return err
}
