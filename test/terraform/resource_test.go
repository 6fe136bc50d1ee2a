package terraform

import (
	"context"
	"testing"

	"github.com/ecru-registry/ecru/test/server"
)

// resource is one block of a configuration as requests.
type resource struct {
	create  []step // apply of one that is not there
	read    []step // refresh: the answers are what was configured, so that there is nothing to change
	destroy []step // of one that is there
	gone    []step // refresh of one that somebody else has destroyed
	again   []step // destroy of such a one
}

// change is an attribute that gets another value.
type change struct {
	attribute string
	update    []step
	read      []step // as in resource, afterwards
}

// story is the life of a resource.
type story struct {
	resource
	kind, name string
	needs      []step // what has to be there before
	changes    []change
	refused    []step // while it is there
	after      []step // takes away what was needed
}

func stories(at place) []story {
	var all []story
	for _, some := range [][]story{
		repositoryStories(at), policyStories(at), registryStories(at), upstreamStories(at), templateStories(at),
	} {
		all = append(all, some...)
	}
	return all
}

func TestEveryRequestOfTheProvider(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		p, at := configure(t, s)
		makeSecrets(t, s, "hub-AbCdEf", "other-AbCdEf")
		for _, s := range stories(at) {
			t.Run(s.kind+"/"+s.name, func(t *testing.T) { s.tell(t, p) })
		}
	})
}

func (s story) tell(t *testing.T, p provider) {
	chapter(t, p, "what it needs", s.needs)
	defer chapter(t, p, "what it needed", s.after)
	chapter(t, p, "create", s.create)
	chapter(t, p, "read after create", s.read)
	chapter(t, p, "plan without changes", s.read)
	last := s.read
	for _, c := range s.changes {
		chapter(t, p, "update "+c.attribute, c.update)
		chapter(t, p, "read after update "+c.attribute, c.read)
		last = c.read
	}
	chapter(t, p, "refusals", s.refused)
	chapter(t, p, "import", last)
	chapter(t, p, "destroy", s.destroy)
	chapter(t, p, "read of what is gone", s.gone)
	chapter(t, p, "destroy of what is gone", s.again)
}

func chapter(t *testing.T, p provider, title string, steps []step) {
	t.Helper()
	// The end of a story is told after its test is over, too.
	if err := p.perform(context.WithoutCancel(t.Context()), steps); err != nil {
		t.Errorf("%s: %v", title, err)
	}
}
