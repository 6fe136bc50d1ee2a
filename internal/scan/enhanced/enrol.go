package enhanced

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// slice is how long a job goes on before it lets others have its worker.
const slice = 2 * time.Second

// enrolmentSetting is the name under which it is kept how far an account has come
// with its configuration.
const enrolmentSetting = "enhanced-enrolment"

// EnrollerStore is what an enroller needs of the metadata.
type EnrollerStore interface {
	ListRepositories(ctx context.Context, account, after string, limit int) ([]registry.Repository, error)
	ListImages(ctx context.Context, account, repository string, q meta.ImageQuery) ([]registry.Image, error)
	ListCoverage(ctx context.Context, account string, q meta.CoverageQuery) ([]finding.Coverage, error)
	AppendEvents(ctx context.Context, events []meta.Event) error
	Enqueue(ctx context.Context, jobs ...job.Job) error
	Setting(ctx context.Context, account, name string) (string, bool, error)
	PutSetting(ctx context.Context, account, name, value string) error
}

// Enroller brings accounts to their configuration: all images, in slices between
// which others have their turn.
type Enroller struct {
	*Scanner
	All EnrollerStore

	turn sync.Mutex // held while one enrols
}

// enrolment is how far an account has come.
type enrolment struct {
	// Told is what events have told of.
	Told registry.ScanningConfiguration
	// Toward is what images are being brought to, and the rest how far: nil when
	// they are there.
	Toward     *registry.ScanningConfiguration `json:",omitempty"`
	Repository string                          `json:",omitempty"`
	Digest     string                          `json:",omitempty"`
	Coverage   int64                           `json:",omitempty"`
}

func (e *Enroller) load(ctx context.Context, account string) (enrolment, error) {
	state := enrolment{Told: registry.ScanningConfiguration{Type: registry.ScanBasic}}
	stored, ok, err := e.All.Setting(ctx, account, enrolmentSetting)
	if err != nil || !ok {
		return state, err
	}
	if err := json.Unmarshal([]byte(stored), &state); err != nil {
		return state, registry.Internal("reading how far an account is enrolled", err)
	}
	return state, nil
}

func (e *Enroller) save(ctx context.Context, account string, state enrolment) error {
	// Encoding a plain struct of strings and numbers cannot fail.
	encoded, _ := json.Marshal(state)
	return e.All.PutSetting(ctx, account, enrolmentSetting, string(encoded))
}

func sameConfiguration(a, b registry.ScanningConfiguration) bool {
	return a.Type == b.Type && slices.EqualFunc(a.Rules, b.Rules, func(x, y registry.ScanRule) bool {
		return x.Frequency == y.Frequency && slices.Equal(x.Filters, y.Filters)
	})
}

// Handle does an EnrolJob: from the beginning, unless it is the rest of one. Also
// for a configuration that all images follow: another may have been in force for a
// moment, in which images were pushed.
func (e *Enroller) Handle(ctx context.Context, j job.Job) error {
	w, err := decode[walk](j)
	if err != nil {
		return err
	}
	if !e.turn.TryLock() {
		j.RunAt = e.Now().Add(slice)
		return e.All.Enqueue(ctx, j)
	}
	defer e.turn.Unlock()
	plan, err := e.Plans.EnhancedPlan(ctx, w.Account)
	if err != nil {
		return err
	}
	state, err := e.load(ctx, w.Account)
	if err != nil {
		return err
	}
	if w.Rest && (state.Toward == nil || !sameConfiguration(*state.Toward, plan.Scanning)) {
		return nil // somebody has begun anew, or will
	}
	if !w.Rest {
		state = enrolment{Told: state.Told, Toward: &plan.Scanning}
	}
	if err := e.tell(ctx, w.Account, &state); err != nil {
		return err
	}
	until := time.Now().Add(slice)
	for {
		done, err := e.step(ctx, w.Account, plan, &state)
		if err != nil {
			return err
		}
		if done {
			e.Logger.InfoContext(ctx, "all images follow the scanning configuration", "account", w.Account, "type", plan.Scanning.Type)
			return e.save(ctx, w.Account, enrolment{Told: state.Told})
		}
		if err := e.save(ctx, w.Account, state); err != nil {
			return err
		}
		if time.Now().After(until) {
			w.Rest = true
			return e.All.Enqueue(ctx, newJob(EnrolJob, w.Account+"/rest", w, e.Now()))
		}
	}
}

// tell says of which repositories the frequency has changed. Only enhanced
// scanning tells of that.
func (e *Enroller) tell(ctx context.Context, account string, state *enrolment) error {
	if sameConfiguration(state.Told, *state.Toward) {
		return nil
	}
	var changes []event.FrequencyChange
	for after := ""; state.Toward.Type == registry.ScanEnhanced; {
		page, err := e.All.ListRepositories(ctx, account, after, 1000)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for _, repo := range page {
			was, _ := state.Told.FrequencyFor(&repo)
			if is, _ := state.Toward.FrequencyFor(&repo); is != was {
				changes = append(changes, event.FrequencyChange{Repository: repo.Name, Frequency: is, Previous: was})
			}
		}
		after = page[len(page)-1].Name
	}
	now := e.Now()
	origin := event.Origin{Scope: registry.Scope{Account: account, Region: e.Region}, At: now}
	var events []meta.Event
	for part := range slices.Chunk(changes, event.MaxFrequencyChanges) {
		events = append(events, meta.Event{Account: account, At: now, Body: event.ScanFrequencyChanged(origin, part).Encode()})
	}
	if len(events) > 0 {
		if err := e.All.AppendEvents(ctx, events); err != nil {
			return err
		}
		if e.EventsStored != nil {
			e.EventsStored()
		}
	}
	state.Told = *state.Toward
	return e.save(ctx, account, *state)
}

// step goes one page further; true says that there are no more.
func (e *Enroller) step(ctx context.Context, account string, plan Plan, state *enrolment) (bool, error) {
	if plan.Scanning.Type != registry.ScanEnhanced {
		return e.leaveAll(ctx, account, plan, state)
	}
	if state.Repository == "" {
		return e.nextRepository(ctx, account, state)
	}
	images, err := e.All.ListImages(ctx, account, state.Repository, meta.ImageQuery{After: registry.ImageID{Digest: state.Digest}, Limit: pageSize})
	if registry.CodeOf(err) == registry.CodeRepositoryNotFound || err == nil && len(images) == 0 {
		return e.nextRepository(ctx, account, state)
	}
	if err != nil {
		return false, err
	}
	until := time.Now().Add(slice)
	known, err := e.Catalog.Coverage(ctx, images[0].RepositoryID, digestsOf(images))
	if err != nil {
		return false, err
	}
	for i := range images {
		image := &images[i]
		if image.Scannable() {
			t := Target{Account: account, Repository: state.Repository, RepositoryID: image.RepositoryID, Digest: image.Digest, Cause: Enrolled}
			if err := e.enrol(ctx, subjectOf(t, image, known[image.Digest], plan)); err != nil {
				return false, err
			}
		}
		state.Digest = image.Digest
		if time.Now().After(until) {
			break
		}
	}
	return false, nil
}

// enrol looks at one image. What is wrong with one must not keep the others out:
// it gets a job of its own, which is tried again.
func (e *Enroller) enrol(ctx context.Context, on subject) error {
	err := e.bring(ctx, on)
	if err == nil || isGone(err) || ctx.Err() != nil {
		return ctx.Err()
	}
	c := on.coverage
	e.Logger.WarnContext(ctx, "an image will be looked at again", "repository", c.Image.Repository, "digest", c.Image.Digest, "error", err)
	return e.All.Enqueue(ctx, NewScanJob(Target{
		Account: c.Account, Repository: c.Image.Repository, RepositoryID: c.RepositoryID, Digest: c.Image.Digest, Cause: Enrolled, At: e.Now(),
	}))
}

func digestsOf(images []registry.Image) []string {
	digests := make([]string, len(images))
	for i := range images {
		digests[i] = images[i].Digest
	}
	return digests
}

func (e *Enroller) nextRepository(ctx context.Context, account string, state *enrolment) (bool, error) {
	page, err := e.All.ListRepositories(ctx, account, state.Repository, 1)
	if err != nil || len(page) == 0 {
		return err == nil, err
	}
	state.Repository, state.Digest = page[0].Name, ""
	return false, nil
}

// leaveAll takes the images of an account out.
func (e *Enroller) leaveAll(ctx context.Context, account string, plan Plan, state *enrolment) (bool, error) {
	page, err := e.All.ListCoverage(ctx, account, meta.CoverageQuery{After: state.Coverage, Limit: pageSize})
	if err != nil || len(page) == 0 {
		return err == nil, err
	}
	ids := make([]int64, len(page))
	for i, c := range page {
		ids[i] = c.ID
	}
	err = e.settle(ctx, ids, settlement{purpose: toFollow, become: func(c finding.Coverage, now time.Time) *finding.Coverage {
		if next, what := plan.assess(c, Enrolled, now); what == change {
			return &next
		}
		return nil
	}})
	state.Coverage = ids[len(ids)-1]
	return false, err
}
