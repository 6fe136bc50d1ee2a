package metatest

import (
	"sync"
	"testing"

	"github.com/ecru-registry/ecru/internal/meta"
)

func settingCases() []testCase {
	return []testCase{
		{"settings by account and name", settingValues},
		{"the instance is made once", settingInstance},
		{"many that start at once share one instance", settingInstanceRace},
		{"unknown keys", settingKeys},
		{"ping", func(t *testing.T, s meta.Store) { must(t, s.Ping(t.Context())) }},
	}
}

func settingValues(t *testing.T, s meta.Store) {
	ctx := t.Context()
	get := func(account, name string) string {
		t.Helper()
		v, found, err := s.Setting(ctx, account, name)
		if must(t, err); !found {
			return "none"
		}
		return v
	}
	must(t, s.PutSetting(ctx, account, "a", "1"))
	must(t, s.PutSetting(ctx, account, "a", "2"))
	must(t, s.PutSetting(ctx, account, "empty", ""))
	if get(account, "a") != "2" || get(account, "b") != "none" || get("1", "a") != "none" || get(account, "empty") != "" {
		t.Error("settings are mixed up")
	}
	for name, want := range map[string]string{"a": "2", "b": "", "empty": ""} {
		was, found, err := s.DeleteSetting(ctx, account, name)
		if must(t, err); was != want || found != (name != "b") {
			t.Errorf("%s: deleted %q, %v", name, was, found)
		}
		if got := get(account, name); got != "none" {
			t.Errorf("%s: %q is left", name, got)
		}
	}
}

func rootKey(id string) meta.AccessKey {
	return meta.AccessKey{ID: id, Secret: []byte("secret"), Account: account, Principal: "arn:aws:iam::" + account + ":root", UserID: account, Active: true, CreatedAt: base}
}

func settingInstance(t *testing.T, s meta.Store) {
	ctx := t.Context()
	want, key := meta.Instance{Secret: []byte("0123456789abcdef0123456789abcde\xff"), CreatedAt: base}, rootKey("AKIA1")
	for n, offered := range []string{"AKIA1", "AKIA2"} {
		instance := want
		if n > 0 {
			instance.Secret = []byte("another")
		}
		i, k, created, err := s.EnsureInstance(ctx, instance, rootKey(offered))
		must(t, err)
		if created != (n == 0) {
			t.Errorf("call %d: created %v", n, created)
		}
		wantSame(t, "instance", want, i)
		wantSame(t, "key", key, k)
	}
	got, found, err := s.AccessKey(ctx, "AKIA1")
	if must(t, err); !found {
		t.Error("the root key is not found")
	}
	wantSame(t, "stored key", key, got)
	if _, found, _ := s.AccessKey(ctx, "AKIA2"); found {
		t.Error("the key that was not used is stored")
	}
}

func settingInstanceRace(t *testing.T, s meta.Store) {
	var all sync.WaitGroup
	var mu sync.Mutex
	made, keys := 0, map[string]bool{}
	for _, id := range numbered("AKIA%d", 8) {
		all.Go(func() {
			_, k, created, err := s.EnsureInstance(t.Context(), meta.Instance{Secret: []byte(id), CreatedAt: base}, rootKey(id))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if keys[k.ID] = true; created {
				made++
			}
		})
	}
	all.Wait()
	if made != 1 || len(keys) != 1 {
		t.Errorf("made %d times, keys %v", made, keys)
	}
}

func settingKeys(t *testing.T, s meta.Store) {
	if _, found, err := s.AccessKey(t.Context(), "AKIANONE"); found || err != nil {
		t.Errorf("got %v %v", found, err)
	}
}
