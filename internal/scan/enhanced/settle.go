package enhanced

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

// Suppressor answers what decides about the findings of an image: why one does not
// count, nil when it does. What it answers must be quick, and is called within
// transactions: it must not use the store.
type Suppressor func(ctx context.Context, account string, c finding.Coverage) (func(finding.Finding) *finding.Suppression, error)

// Store is what settling needs of the metadata.
type Store interface {
	ReaderStore
	SettleFindings(ctx context.Context, coverage []int64, vulnerabilities []string, decide func(meta.Settling) (meta.Settled, error)) error
}

// Settler brings the findings of images up to date, and tells of it.
type Settler struct {
	Store       Store
	Inventories *Inventories
	Risks       Risks
	Suppressor  Suppressor // nil: nothing is suppressed
	Region      string
	// Listening says whether a rule of an account may want events of findings. What
	// the first scans of enrolment find is told of only where one does: a system has
	// hundreds of findings, every image of it the same, and all images come at once.
	// Nil: it always is.
	Listening func(ctx context.Context, account, source, detailType string) (bool, error)
	// EventsStored is called when events may have been stored; it must not block.
	// Nil calls nobody.
	EventsStored func()
	Now          func() time.Time
}

// errPrepareAgain is what a decision ends with when an image is not what was
// prepared for.
var errPrepareAgain = errors.New("enhanced: the image has changed in between")

// maxPreparations is how often an image may change while it is settled.
const maxPreparations = 10

// purpose is what images are settled for.
type purpose int

const (
	// toFollow looks only at images that are looked at all the time.
	toFollow purpose = iota
	// toScan is the end of a scan.
	toScan
	// toSuppress asks again what is suppressed, and changes nothing else.
	toSuppress
)

// settlement is how a number of images is settled.
type settlement struct {
	purpose         purpose
	vulnerabilities []string // empty: all
	// become answers what the coverage is from now on, nil when it stays. It is
	// called within the transaction.
	become func(c finding.Coverage, now time.Time) *finding.Coverage
	// first says whether the event of a first scan is due; nil says no.
	first func(c finding.Coverage) bool
	// many says that this is one of all images that there are: what is found first
	// is told of only where somebody may listen.
	many bool
	// announceAs is what the coverage was when somebody was last told of it, where
	// that is not what it is in the transaction.
	announceAs *finding.Coverage
}

// Bounds of images that are settled together, above which no further one is taken:
// packages of their inventories, which are in memory, and problems of all of them,
// for where they are all decided about others wait for the transaction.
const (
	maxHeld    = 100_000
	maxDecided = 1_000
)

// settle brings findings up to date. Images that are gone are passed over.
func (s *Settler) settle(ctx context.Context, ids []int64, how settlement) error {
	for len(ids) > 0 {
		n, err := s.settleSome(ctx, ids, how)
		if err != nil {
			return err
		}
		ids = ids[n:]
	}
	return nil
}

// settleSome settles the first of some images, and answers how many.
func (s *Settler) settleSome(ctx context.Context, ids []int64, how settlement) (int, error) {
	for range maxPreparations {
		p, err := s.prepare(ctx, ids, how)
		if err != nil {
			return 0, err
		}
		err = s.Store.SettleFindings(ctx, ids[:p.images], how.vulnerabilities, p.decide)
		if errors.Is(err, errPrepareAgain) {
			continue
		}
		if err == nil && p.told && s.EventsStored != nil {
			s.EventsStored()
		}
		return p.images, err
	}
	return 0, errPrepareAgain
}

// prepared is all that decisions about images need, so that they need no store.
type prepared struct {
	settlement
	*Settler
	images   int // how many of those that were asked for
	contents map[string]*contents
	risks    map[string]finding.Risk
	asked    map[string]bool // vulnerabilities that risks knows of
	suppress map[int64]func(finding.Finding) *finding.Suppression
	unheard  map[string]bool // accounts where nobody listens to first findings
	told     bool
}

func (s *Settler) prepare(ctx context.Context, ids []int64, how settlement) (*prepared, error) {
	p := &prepared{
		settlement: how, Settler: s,
		contents: map[string]*contents{}, asked: map[string]bool{},
		suppress: map[int64]func(finding.Finding) *finding.Suppression{},
		unheard:  map[string]bool{},
	}
	coverage, err := s.Store.CoverageByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	vulnerabilities := slices.Clone(how.vulnerabilities)
	held, decided, problems := 0, 0, map[string]int{} // of inventories
	for _, id := range ids {
		if held > maxHeld || decided > maxDecided {
			break
		}
		p.images++
		c, ok := coverage[id]
		if !ok {
			continue
		}
		if err := p.prepareImage(ctx, c); err != nil {
			return nil, err
		}
		if _, known := problems[c.InventoryID]; !known {
			stored, err := p.prepareInventory(ctx, c.InventoryID, len(how.vulnerabilities) == 0)
			if err != nil {
				return nil, err
			}
			problems[c.InventoryID] = len(stored)
			held += p.contents[c.InventoryID].size()
			vulnerabilities = append(vulnerabilities, stored...)
		}
		decided += problems[c.InventoryID]
	}
	vulnerabilities = distinct(vulnerabilities)
	for _, id := range vulnerabilities {
		p.asked[id] = true
	}
	p.risks, err = s.Risks.Risks(ctx, vulnerabilities)
	return p, err
}

// prepareImage asks who wants to hear of an image, and why its findings may not
// count.
func (p *prepared) prepareImage(ctx context.Context, c finding.Coverage) (err error) {
	if _, asked := p.unheard[c.Account]; !asked && p.many && p.first != nil && p.Listening != nil {
		heard, err := p.Listening(ctx, c.Account, event.SourceInspector, event.InspectorFinding)
		if err != nil {
			return err
		}
		p.unheard[c.Account] = !heard
	}
	if p.Suppressor != nil {
		p.suppress[c.ID], err = p.Suppressor(ctx, c.Account, c)
	}
	return err
}

// prepareInventory reads what an inventory holds; if all its problems are looked
// at, it answers of which vulnerability each is.
func (p *prepared) prepareInventory(ctx context.Context, id string, all bool) (vulnerabilities []string, err error) {
	if p.contents[id], err = p.Inventories.of(ctx, id); err != nil || !all || id == "" {
		return nil, err
	}
	stored, err := p.Store.InventoryProblems(ctx, id)
	if err != nil {
		return nil, err
	}
	vulnerabilities = make([]string, len(stored))
	for i := range stored {
		vulnerabilities[i] = stored[i].VulnerabilityID
	}
	return vulnerabilities, nil
}

func distinct(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// decide says what the findings of an image are from now on.
func (p *prepared) decide(in meta.Settling) (meta.Settled, error) {
	c, now := in.Coverage, p.Now()
	contents, ok := p.contents[c.InventoryID]
	if !ok {
		return meta.Settled{}, errPrepareAgain
	}
	d := &decision{prepared: p, before: c, now: now, origin: event.Origin{Scope: registry.Scope{Account: c.Account, Region: p.Region}, At: now}}
	if p.become != nil {
		if next := p.become(c, now); next != nil {
			d.out.Coverage = next
			c = *next
		}
	}
	var err error
	if d.view, err = newView(c, contents); err != nil {
		return meta.Settled{}, err
	}
	if err := d.findings(in); err != nil {
		return meta.Settled{}, err
	}
	d.announce()
	p.told = p.told || len(d.out.Events) > 0
	return d.out, nil
}

// decision is one call of decide.
type decision struct {
	*prepared
	view   *view
	before finding.Coverage
	now    time.Time
	origin event.Origin
	out    meta.Settled
	counts map[registry.Severity]int // of those that are open
	events []event.Event
}

// isOpen says whether findings of an image can be open: while it is looked at, and
// as the only scan has left them where there is no more than one.
func isOpen(c finding.Coverage) bool {
	return c.GoneAt.IsZero() && (c.Code == finding.Covered || c.Reason == finding.ReasonFrequencyScanOnPush)
}

func (d *decision) findings(in meta.Settling) error {
	c := d.view.coverage
	open := isOpen(c)
	problems := group(in.Problems)
	d.counts = map[registry.Severity]int{}
	known := make(map[string]bool, len(in.Findings))
	for _, state := range in.Findings {
		known[state.VulnerabilityID] = true
		own := problems[state.VulnerabilityID]
		if err := d.known(state, own, open && (len(own) > 0 || d.keeps(c))); err != nil {
			return err
		}
	}
	if !open || d.keeps(c) {
		return nil
	}
	ids := make([]string, 0, len(problems))
	for id := range problems {
		if !known[id] {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // events of one transaction in an order that can be told
	for _, id := range ids {
		state := finding.State{
			UID: finding.UID(c.RepositoryID, c.Image.Digest, id), Coverage: c.ID, Account: c.Account,
			Repository: c.Image.Repository, Digest: c.Image.Digest, VulnerabilityID: id, FirstObservedAt: d.now,
		}
		if err := d.observe(state, problems[id]); err != nil {
			return err
		}
	}
	return nil
}

// keeps says whether problems that come and go are nothing to the image.
func (d *decision) keeps(c finding.Coverage) bool {
	return d.purpose == toSuppress || d.purpose == toFollow && c.Code != finding.Covered
}

// known decides about a finding that there is.
func (d *decision) known(state finding.State, problems []meta.StoredProblem, open bool) error {
	switch {
	case open && (state.Status != finding.Closed || !d.keeps(d.view.coverage)):
		return d.observe(state, problems)
	case open || state.Status == finding.Closed:
		return nil
	}
	state.Status, state.ClosedAt, state.UpdatedAt, state.Suppression = finding.Closed, d.now, d.now, nil
	return d.tell(state, problems)
}

// observe decides what an open finding is like.
func (d *decision) observe(state finding.State, problems []meta.StoredProblem) error {
	before, risk := state, d.risks[state.VulnerabilityID]
	if !d.asked[state.VulnerabilityID] {
		if len(problems) > 0 {
			return errPrepareAgain // it has come in between
		}
		risk = finding.Risk{KnownExploited: state.Exploit, EPSS: state.EPSS, HasEPSS: state.EPSS >= 0}
	}
	if !d.keeps(d.view.coverage) {
		rate(&state, problems)
		state.Revision = revisionOf(problems, risk)
	}
	state.Exploit, state.EPSS = risk.KnownExploited, epss(risk)
	state.Status, state.ClosedAt = finding.Active, time.Time{}
	state.Suppression = nil
	if suppress := d.suppress[state.Coverage]; suppress != nil {
		if state.Suppression = suppress(d.view.compose(state, problems, risk)); state.Suppression != nil {
			state.Status = finding.Suppressed
		}
	}
	if state.Status == finding.Active {
		d.counts[state.Severity]++
	}
	changed := before.ID == 0 || before.Status != state.Status || before.Revision != state.Revision || !sameSuppression(before.Suppression, state.Suppression)
	if d.purpose == toScan || changed {
		state.LastObservedAt = d.now
	}
	if !changed {
		if d.purpose == toScan || before.EPSS != state.EPSS || before.Exploit != state.Exploit {
			d.out.Findings = append(d.out.Findings, state)
		}
		return nil
	}
	state.UpdatedAt = d.now
	return d.tell(state, problems)
}

func sameSuppression(a, b *finding.Suppression) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Kind == b.Kind && a.ID == b.ID && a.Author == b.Author && a.AddedBy == b.AddedBy && a.Reason == b.Reason && a.Statement == b.Statement && a.Until.Equal(b.Until)
}

// tell stores a finding that is new or has changed, with the event of it.
func (d *decision) tell(state finding.State, problems []meta.StoredProblem) error {
	d.out.Findings = append(d.out.Findings, state)
	if d.unheard[state.Account] && d.first(d.view.coverage) {
		return nil
	}
	f := d.view.compose(state, problems, d.risks[state.VulnerabilityID])
	d.events = append(d.events, event.InspectorFound(d.origin, wordFinding(d.origin.Scope, f)))
	return nil
}

// announce puts the events in order: what has become of the image before what was
// found in it.
func (d *decision) announce() {
	c := d.view.coverage
	var events []event.Event
	if d.first != nil && d.first(c) {
		events = append(events, event.InspectorScanned(d.origin, event.InspectorResult{
			Repository: c.Image.Repository, Digest: c.Image.Digest, Tags: c.Image.Tags, Counts: d.counts,
		}))
	}
	before := d.before
	if d.announceAs != nil {
		before = *d.announceAs
	}
	if c.Code != before.Code || told(c.Reason) != told(before.Reason) {
		events = append(events, coverageEvent(d.origin, c))
	}
	lane := event.Lane(c.Image.Repository, c.Image.Digest)
	for _, e := range append(events, d.events...) {
		d.out.Events = append(d.out.Events, meta.Event{Account: c.Account, Lane: lane, At: d.now, Body: e.Encode()})
	}
}

// told are reasons that events tell of: not those on the way to another.
func told(reason string) string {
	if reason == finding.ReasonScanInProgress {
		return ""
	}
	return reason
}
