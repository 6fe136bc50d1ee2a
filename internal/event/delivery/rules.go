package delivery

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/pattern"
	"github.com/ecru-registry/ecru/internal/meta"
)

// compiledPattern is the pattern of a rule, or nil when it does not compile.
type compiledPattern struct {
	pattern *pattern.Pattern
}

// ruleSet is the rules of an account that may match.
type ruleSet struct {
	log      *slog.Logger
	rules    []*event.Rule
	patterns []*pattern.Pattern
}

// ruleSet answers the enabled rules of an account that have targets, or only
// the one of a name.
func (e *Engine) ruleSet(ctx context.Context, account, only string) (*ruleSet, error) {
	rules, err := e.rules.read(ctx, account, 0)
	if err != nil {
		return nil, fmt.Errorf("reading the rules of account %s: %w", account, err)
	}
	set := &ruleSet{log: e.log}
	for n := range rules {
		r := &rules[n]
		if r.Disabled || r.Pattern == "" || len(r.Targets) == 0 || (only != "" && r.Name != only) {
			continue
		}
		if p := e.pattern(account, r); p != nil {
			set.rules = append(set.rules, r)
			set.patterns = append(set.patterns, p)
		}
	}
	return set, nil
}

// knownRules remembers the rules of accounts for a moment, for the many runners
// that ask for them.
type knownRules struct {
	from Rules
	now  func() time.Time

	mu        sync.Mutex
	byAccount map[string]*accountRules
}

// accountRules are the rules of an account as of a time. The mutex is held while
// they are read, so that many who ask at a time read them once.
type accountRules struct {
	mu    sync.Mutex
	at    time.Time
	rules []event.Rule
}

// rulesFor is how old the rules may be by which a runner finds its target.
const rulesFor = 500 * time.Millisecond

// read answers rules that are not older than that.
func (k *knownRules) read(ctx context.Context, account string, age time.Duration) ([]event.Rule, error) {
	k.mu.Lock()
	a, ok := k.byAccount[account]
	if !ok {
		a = &accountRules{}
		k.byAccount[account] = a
	}
	k.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	now := k.now()
	if age > 0 && !a.at.IsZero() && now.Sub(a.at) < age {
		return a.rules, nil
	}
	rules, err := k.from.EventRules(ctx, account)
	if err != nil {
		return nil, err
	}
	a.at, a.rules = now, rules
	return rules, nil
}

// forget drops all of them, for most accounts are busy only now and then.
func (k *knownRules) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.byAccount)
}

// pattern compiles a rule's pattern, once for all rules that have the same.
// Patterns are checked before they are stored; should one be refused all the
// same its rule matches nothing.
func (e *Engine) pattern(account string, r *event.Rule) *pattern.Pattern {
	if c, ok := e.patterns.Get(r.Pattern); ok {
		return c.pattern
	}
	p, err := pattern.Compile(r.Pattern)
	if err != nil {
		e.log.Error("a rule matches nothing because its pattern is not valid", "account", account, "rule", r.Name, "error", err)
		p = nil
	}
	e.patterns.Add(r.Pattern, compiledPattern{p})
	return p
}

// match appends the deliveries of an event. An event that cannot be read
// matches nothing.
func (s *ruleSet) match(ev *meta.Event, now time.Time, replay string, to []meta.NewDelivery) []meta.NewDelivery {
	if len(s.rules) == 0 {
		return to
	}
	value, err := pattern.Decode(ev.Body)
	if err != nil {
		s.log.Error("an event matches no rule because it is not valid", "account", ev.Account, "id", ev.ID, "error", err)
		return to
	}
	effort := pattern.NewEffort()
	for n, p := range s.patterns {
		if !p.MatchWithin(value, effort) {
			continue
		}
		for m := range s.rules[n].Targets {
			t := &s.rules[n].Targets[m]
			to = append(to, meta.NewDelivery{
				Event: ev.ID, Account: ev.Account, Rule: s.rules[n].Name, TargetID: t.ID, Target: t.UID,
				Lane: ev.Lane, QueuedAt: now, Replay: replay,
			})
		}
	}
	if effort.Spent() {
		s.log.Warn("the rules of an account take too much work for an event: it may not have come to all that it matches", "account", ev.Account, "id", ev.ID)
	}
	return to
}
