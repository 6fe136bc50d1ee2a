package metatest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func documentCases() []testCase {
	return []testCase{
		{"are kept by repository and kind", documentLife},
		{"need a repository", documentNoRepository},
		{"go with the repository", documentGone},
		{"go with a large repository", documentGoneLater},
		{"texts are values", documentHostile},
		{"access policies follow every change", documentAccess},
		{"access policies of many repositories", documentAccessMany},
		{"access policies are fresh after every acknowledgement", documentAccessFresh},
	}
}

func documentLife(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	Repo(t, s, "app")
	ask := func(repo string, kind meta.DocumentKind) (d meta.Document) {
		t.Helper()
		d, found, err := s.Document(ctx, account, repo, kind)
		must(t, err)
		if found != (d.Text != "") {
			t.Errorf("%s %s: found %v, %+v", repo, kind, found, d)
		}
		return d
	}
	wantSame(t, "before", meta.Document{}, ask("web", meta.PolicyDocument))
	one := meta.Document{Text: "one", UpdatedAt: base}
	must(t, s.PutDocument(ctx, account, "web", meta.PolicyDocument, one))
	two := meta.Document{Text: "two", UpdatedAt: base, EvaluatedAt: base.Add(time.Second)}
	must(t, s.PutDocument(ctx, account, "web", meta.LifecycleDocument, two))
	wantSame(t, "policy", one, ask("web", meta.PolicyDocument))
	wantSame(t, "lifecycle", two, ask("web", meta.LifecycleDocument))
	wantSame(t, "another repository", meta.Document{}, ask("app", meta.PolicyDocument))

	three := meta.Document{Text: "three", UpdatedAt: base.Add(time.Hour)}
	must(t, s.PutDocument(ctx, account, "web", meta.LifecycleDocument, three))
	wantSame(t, "replaced", three, ask("web", meta.LifecycleDocument))
	was, found, err := s.DeleteDocument(ctx, account, "web", meta.LifecycleDocument)
	must(t, err)
	if wantSame(t, "deleted", three, was); !found {
		t.Error("not found")
	}
	wantSame(t, "after", meta.Document{}, ask("web", meta.LifecycleDocument))
	wantSame(t, "left", one, ask("web", meta.PolicyDocument))
	was, found, err = s.DeleteDocument(ctx, account, "web", meta.LifecycleDocument)
	must(t, err)
	if wantSame(t, "deleted again", meta.Document{}, was); found {
		t.Error("found again")
	}
}

func documentNoRepository(t *testing.T, s meta.Store) {
	ctx := t.Context()
	want := registry.RepositoryNotFound(account, "web")
	wantError(t, s.PutDocument(ctx, account, "web", meta.PolicyDocument, meta.Document{Text: "x"}), want)
	_, _, err := s.Document(ctx, account, "web", meta.PolicyDocument)
	wantError(t, err, want)
	_, _, err = s.DeleteDocument(ctx, account, "web", meta.PolicyDocument)
	wantError(t, err, want)
}

func documentGone(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	for _, kind := range []meta.DocumentKind{meta.PolicyDocument, meta.LifecycleDocument} {
		must(t, s.PutDocument(ctx, account, "web", kind, meta.Document{Text: "x", UpdatedAt: base}))
	}
	value(s.DeleteRepository(ctx, account, "web", false, nil))(t)
	wantSame(t, "deleted", meta.AccessPolicies{}, value(s.AccessPolicies(ctx, account, "web"))(t))
	Repo(t, s, "web")
	if d, found, err := s.Document(ctx, account, "web", meta.PolicyDocument); found || err != nil {
		t.Errorf("the namesake has %+v, %v", d, err)
	}
	wantSame(t, "the namesake", meta.AccessPolicies{}, value(s.AccessPolicies(ctx, account, "web"))(t))
}

func documentGoneLater(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	for n := range 510 {
		Blob(t, s, "web", fmt.Sprint(n), 1)
	}
	must(t, s.PutDocument(ctx, account, "web", meta.PolicyDocument, meta.Document{Text: "x", UpdatedAt: base}))
	value(s.DeleteRepository(ctx, account, "web", true, nil))(t)
	wantSame(t, "deleted", meta.AccessPolicies{}, value(s.AccessPolicies(ctx, account, "web"))(t))
	Repo(t, s, "web")
	wantSame(t, "the namesake", meta.AccessPolicies{}, value(s.AccessPolicies(ctx, account, "web"))(t))
	eventually(t, "the blobs are let go", func() bool {
		return len(value(s.UnlinkedBlobs(ctx, time.Now().Add(time.Hour), 1000))(t)) == 510
	})
}

func documentHostile(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	for _, text := range append(hostileTexts(), long(100_000)) {
		must(t, s.PutDocument(ctx, account, "web", meta.PolicyDocument, meta.Document{Text: text, UpdatedAt: base}))
		if got := value(s.AccessPolicies(ctx, account, "web"))(t).Repository; got != text {
			t.Errorf("got %.40q, want %.40q", got, text)
		}
		wantSame(t, "none", meta.AccessPolicies{}, value(s.AccessPolicies(ctx, account, text))(t))
		wantSame(t, "none", meta.AccessPolicies{}, value(s.AccessPolicies(ctx, text, "web"))(t))
	}
	for _, text := range []string{"\x00", "\xff", "{\x00}"} {
		wantCode(t, s.PutDocument(ctx, account, "web", meta.PolicyDocument, meta.Document{Text: text}), registry.CodeInvalidParameter)
		wantCode(t, s.PutDocument(ctx, account, "web", meta.DocumentKind(text), meta.Document{Text: "x"}), registry.CodeInvalidParameter)
		wantSame(t, "none", meta.AccessPolicies{}, value(s.AccessPolicies(ctx, account, text))(t))
	}
	for _, name := range []string{"a", "a\x00", "\xff"} {
		if v, found, err := s.DeleteSetting(ctx, account, name); v != "" || found || err != nil {
			t.Errorf("setting %q: %q %v %v", name, v, found, err)
		}
	}
}

func documentAccess(t *testing.T, s meta.Store) {
	ctx := t.Context()
	const other = "111111111111"
	want := meta.AccessPolicies{}
	check := func(what string) {
		t.Helper()
		for range 2 {
			wantSame(t, what, want, value(s.AccessPolicies(ctx, account, "web"))(t))
			wantSame(t, what+", of the registry", meta.AccessPolicies{Registry: want.Registry, Scope: want.Scope},
				value(s.AccessPolicies(ctx, account, ""))(t))
			wantSame(t, what+", of another", meta.AccessPolicies{Registry: "theirs"}, value(s.AccessPolicies(ctx, other, "web"))(t))
		}
	}
	must(t, s.PutSetting(ctx, other, meta.SettingRegistryPolicy, "theirs"))
	check("nothing")
	must(t, s.PutSetting(ctx, account, meta.SettingRegistryPolicy, "ours"))
	want.Registry = "ours"
	check("the registry's policy")
	Repo(t, s, "web")
	check("a repository")
	must(t, s.PutDocument(ctx, account, "web", meta.PolicyDocument, meta.Document{Text: "policy", UpdatedAt: base}))
	must(t, s.PutDocument(ctx, account, "web", meta.LifecycleDocument, meta.Document{Text: "lifecycle", UpdatedAt: base}))
	want.Repository = "policy"
	check("the repository's policy")
	want.Tags = []registry.ResourceTag{{Key: "a", Value: "1"}, {Key: "b"}}
	value(s.UpdateRepository(ctx, account, "web", func(r *registry.Repository) error { r.Tags = want.Tags; return nil }))(t)
	check("tags")
	must(t, s.PutSetting(ctx, account, registry.SettingPolicyScope, "V1"))
	want.Scope = "V1"
	check("the scope")
	for name, value := range map[string]string{meta.SettingRegistryPolicy: "ours", registry.SettingPolicyScope: "V1"} {
		if was, found, err := s.DeleteSetting(ctx, account, name); was != value || !found || err != nil {
			t.Errorf("setting %s was %q, %v, %v", name, was, found, err)
		}
	}
	want.Registry, want.Scope = "", ""
	check("no settings")
	if _, _, err := s.DeleteDocument(ctx, account, "web", meta.PolicyDocument); err != nil {
		t.Error(err)
	}
	want.Repository = ""
	check("no policy")
	value(s.DeleteRepository(ctx, account, "web", true, nil))(t)
	want.Tags = nil
	check("no repository")
	Repo(t, s, "web")
	check("again")
}

func documentAccessMany(t *testing.T, s meta.Store) {
	ctx := t.Context()
	names := numbered("r%d", 20)
	for _, name := range names {
		Repo(t, s, name)
		must(t, s.PutDocument(ctx, account, name, meta.PolicyDocument, meta.Document{Text: "of " + name, UpdatedAt: base}))
	}
	for range 2 {
		for _, name := range names {
			if p := value(s.AccessPolicies(ctx, account, name))(t); p.Repository != "of "+name {
				t.Errorf("%s: %+v", name, p)
			}
		}
	}
}

// documentAccessFresh: while others keep asking, who changes a policy sees the
// change.
func documentAccessFresh(t *testing.T, s meta.Store) {
	ctx := t.Context()
	Repo(t, s, "web")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = s.AccessPolicies(ctx, account, "web")
				}
			}
		})
	}
	for n := range 60 {
		text := fmt.Sprint("policy ", n)
		must(t, s.PutDocument(ctx, account, "web", meta.PolicyDocument, meta.Document{Text: text, UpdatedAt: base}))
		if p := value(s.AccessPolicies(ctx, account, "web"))(t); p.Repository != text {
			t.Errorf("after %q: %+v", text, p)
			break
		}
	}
	close(stop)
	readers.Wait()
}
