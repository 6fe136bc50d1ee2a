package metatest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
)

func keyCases() []testCase {
	return []testCase{
		{"are found by id", keyLife},
		{"are listed in order of id", keyList},
		{"there are no more than allowed", keyLimit},
		{"the root key stays", keyRoot},
		{"the newest use is known", keyUses},
		{"secrets are rewritten all or none", keyRewrite},
		{"names are values", keyHostile},
		{"many that create at the limit", keyLimitRace},
		{"uses are recorded side by side", keyUseRace},
		{"no secret is left behind while others create keys", keyRewriteRace},
	}
}

const ann = "arn:aws:iam::" + account + ":user/ann"

func userKey(id string) meta.AccessKey {
	return meta.AccessKey{ID: id, Secret: []byte("sealed\x00\xff" + id), Account: account, Principal: ann, UserID: "AIDA1", Active: true, CreatedAt: base}
}

func keyLife(t *testing.T, s meta.Store) {
	ctx := t.Context()
	want := userKey("AKIA1")
	check := func(what string) {
		t.Helper()
		for range 2 {
			got, found, err := s.AccessKey(ctx, "AKIA1")
			if must(t, err); !found {
				t.Errorf("%s: not found", what)
			}
			wantSame(t, what, want, got)
		}
		wantSame(t, what+", listed", []meta.AccessKey{want}, value(s.ListAccessKeys(ctx, account, ann))(t))
	}
	if _, found, err := s.AccessKey(ctx, "AKIA1"); found || err != nil {
		t.Errorf("before: %v %v", found, err)
	}
	must(t, s.CreateAccessKey(ctx, want, 0))
	check("created")
	other := want
	other.Account, other.Secret = "111111111111", []byte("other")
	wantIs(t, "again", s.CreateAccessKey(ctx, other, 0), meta.ErrExists)
	check("created again")
	wantIs(t, "of another account", s.SetAccessKeyActive(ctx, "111111111111", "AKIA1", false), meta.ErrNoRecord)
	check("switched off by another")
	must(t, s.SetAccessKeyActive(ctx, account, "AKIA1", false))
	want.Active = false
	check("switched off")
	must(t, s.SetAccessKeyActive(ctx, account, "AKIA1", false))
	must(t, s.SetAccessKeyActive(ctx, account, "AKIA1", true))
	want.Active = true
	check("switched on")
	wantIs(t, "of another account", s.DeleteAccessKey(ctx, "111111111111", "AKIA1"), meta.ErrNoRecord)
	check("deleted by another")
	must(t, s.DeleteAccessKey(ctx, account, "AKIA1"))
	if _, found, err := s.AccessKey(ctx, "AKIA1"); found || err != nil {
		t.Errorf("deleted: %v %v", found, err)
	}
	wantIs(t, "deleted again", s.DeleteAccessKey(ctx, account, "AKIA1"), meta.ErrNoRecord)
	wantIs(t, "switched on", s.SetAccessKeyActive(ctx, account, "AKIA1", true), meta.ErrNoRecord)
	want.Secret = []byte("another")
	must(t, s.CreateAccessKey(ctx, want, 0))
	check("created anew")
}

func keyList(t *testing.T, s meta.Store) {
	ctx := t.Context()
	ids := func(account, principal string) (all []string) {
		for _, k := range value(s.ListAccessKeys(ctx, account, principal))(t) {
			all = append(all, k.ID)
		}
		return all
	}
	for _, id := range []string{"C", "a", "A", "B"} {
		k := userKey(id)
		switch id {
		case "B":
			k.Principal = ann + "a"
		case "a":
			k.Account = "111111111111"
		}
		must(t, s.CreateAccessKey(ctx, k, 0))
	}
	wantSame(t, "all", []string{"A", "B", "C"}, ids(account, ""))
	wantSame(t, "ann's", []string{"A", "C"}, ids(account, ann))
	wantSame(t, "another's", []string{"a"}, ids("111111111111", ann))
	wantSame(t, "nobody's", []string(nil), ids(account, "nobody"))
}

func keyLimit(t *testing.T, s meta.Store) {
	ctx := t.Context()
	must(t, s.CreateAccessKey(ctx, userKey("1"), 2))
	must(t, s.CreateAccessKey(ctx, userKey("2"), 2))
	must(t, s.SetAccessKeyActive(ctx, account, "2", false)) // counts all the same
	wantIs(t, "the third", s.CreateAccessKey(ctx, userKey("3"), 2), meta.ErrFull)
	wantIs(t, "one that exists", s.CreateAccessKey(ctx, userKey("2"), 2), meta.ErrExists)
	bob := userKey("3")
	bob.Principal = ann + "b"
	must(t, s.CreateAccessKey(ctx, bob, 2))
	must(t, s.DeleteAccessKey(ctx, account, "1"))
	must(t, s.CreateAccessKey(ctx, userKey("4"), 2))
}

func keyRoot(t *testing.T, s meta.Store) {
	ctx := t.Context()
	_, root, _, err := s.EnsureInstance(ctx, meta.Instance{Secret: []byte("x"), CreatedAt: base}, rootKey("AKIAROOT"))
	must(t, err)
	wantIs(t, "the root key", s.DeleteAccessKey(ctx, account, root.ID), meta.ErrExists)
	second := rootKey("AKIASECOND")
	must(t, s.CreateAccessKey(ctx, second, 2))
	must(t, s.DeleteAccessKey(ctx, account, second.ID))
	wantSame(t, "left", []meta.AccessKey{root}, value(s.ListAccessKeys(ctx, account, root.Principal))(t))
}

func keyUses(t *testing.T, s meta.Store) {
	ctx := t.Context()
	for _, id := range []string{"1", "2"} {
		must(t, s.CreateAccessKey(ctx, userKey(id), 0))
	}
	last := func(id string) meta.KeyUse {
		for _, k := range value(s.ListAccessKeys(ctx, account, ""))(t) {
			if k.ID == id {
				return k.LastUsed
			}
		}
		t.Fatalf("no key %s", id)
		return meta.KeyUse{}
	}
	use := func(id string, after time.Duration, service string) meta.KeyUse {
		return meta.KeyUse{ID: id, At: base.Add(after), Service: service, Region: "eu-" + service}
	}
	wantSame(t, "never", meta.KeyUse{}, last("1"))
	must(t, s.RecordKeyUses(ctx, []meta.KeyUse{use("1", 2, "early"), use("1", time.Hour, "ecr"), use("nobody's", 1, "x"), use("1", time.Minute, "sts")}))
	wantSame(t, "the latest of a batch", use("1", time.Hour, "ecr"), last("1"))
	must(t, s.RecordKeyUses(ctx, []meta.KeyUse{use("1", time.Second, "late"), use("2", time.Second, "sts")}))
	wantSame(t, "an earlier one", use("1", time.Hour, "ecr"), last("1"))
	wantSame(t, "another", use("2", time.Second, "sts"), last("2"))
	must(t, s.RecordKeyUses(ctx, []meta.KeyUse{use("1", 2*time.Hour, "iam")}))
	wantSame(t, "a later one", use("1", 2*time.Hour, "iam"), last("1"))
	must(t, s.RecordKeyUses(ctx, nil))
	must(t, s.RecordKeyUses(ctx, []meta.KeyUse{{ID: "1"}, use("\xff", 1, "x"), {ID: "2", At: base.Add(time.Hour), Service: "\xff", Region: "\x00"}}))
	if got := last("2"); !got.At.Equal(base.Add(time.Hour)) {
		t.Errorf("used with a hostile name: %+v", got)
	}
	got, _, err := s.AccessKey(ctx, "1")
	must(t, err)
	wantSame(t, "the key alone", userKey("1"), got)
}

func keyRewrite(t *testing.T, s meta.Store) {
	ctx := t.Context()
	reverse := func(sealed []byte) ([]byte, error) { return append([]byte("new "), sealed...), nil }
	must(t, s.RewriteSecrets(ctx, reverse)) // nothing is there yet
	_, _, _, err := s.EnsureInstance(ctx, meta.Instance{Secret: []byte("instance"), CreatedAt: base}, rootKey("AKIAROOT"))
	must(t, err)
	must(t, s.CreateAccessKey(ctx, userKey("AKIA1"), 0))
	other := record(meta.SecretRecord, "s2", "")
	other.Account = otherAccount
	for _, r := range []meta.Record{record(meta.SecretRecord, "s1", "sealed"), other, record(meta.ConnectionRecord, "s1", "not sealed")} {
		must(t, s.CreateRecord(ctx, r, 0))
	}
	secrets := func() []string {
		i, root, created, err := s.EnsureInstance(ctx, meta.Instance{}, rootKey("AKIANEW"))
		if must(t, err); created {
			t.Error("there was no instance")
		}
		k, _, err := s.AccessKey(ctx, "AKIA1")
		must(t, err)
		r, _, err := s.AccessKey(ctx, "AKIAROOT")
		must(t, err)
		all := []string{string(i.Secret), string(root.Secret), string(r.Secret), string(k.Secret)}
		for _, of := range []meta.Record{record(meta.SecretRecord, "s1", ""), other, record(meta.ConnectionRecord, "s1", "")} {
			r := value(s.Record(ctx, of.Account, of.Kind, of.Name))(t)
			if all = append(all, string(r.Body)); !r.UpdatedAt.Equal(base) {
				t.Errorf("%s was updated at %v", of.Name, r.UpdatedAt)
			}
		}
		return all
	}
	before := []string{"instance", "secret", "secret", "sealed\x00\xffAKIA1", "sealed", "", "not sealed"}
	wantSame(t, "before", before, secrets())
	refusal := errors.New("cannot unseal")
	for refused := 1; refused <= 5; refused++ {
		calls := 0
		err = s.RewriteSecrets(ctx, func(sealed []byte) ([]byte, error) {
			if calls++; calls == refused {
				return nil, refusal
			}
			return reverse(sealed)
		})
		wantIs(t, "refused", err, refusal)
		wantSame(t, "refused", before, secrets())
	}
	must(t, s.RewriteSecrets(ctx, reverse))
	wantSame(t, "rewritten", []string{"new instance", "new secret", "new secret", "new sealed\x00\xffAKIA1", "new sealed", "new ", "not sealed"}, secrets())
}

func keyHostile(t *testing.T, s meta.Store) {
	ctx := t.Context()
	for _, name := range hostileTexts() {
		k := userKey(name)
		k.Principal = name
		must(t, s.CreateAccessKey(ctx, k, 1))
		got, found, err := s.AccessKey(ctx, name)
		if must(t, err); !found {
			t.Errorf("%.20q is not found", name)
		}
		wantSame(t, "key", k, got)
		wantSame(t, "listed", []meta.AccessKey{k}, value(s.ListAccessKeys(ctx, account, name))(t))
	}
	must(t, s.CreateAccessKey(ctx, userKey("\uFFFD"), 0))
	for _, name := range []string{"\x00", "\xff", noise(1025)} {
		bad := userKey("x")
		bad.Principal = name
		wantCode(t, s.CreateAccessKey(ctx, bad, 0), registry.CodeInvalidParameter)
		wantCode(t, s.CreateAccessKey(ctx, userKey(name), 0), registry.CodeInvalidParameter)
		wantIs(t, "off", s.SetAccessKeyActive(ctx, account, name, false), meta.ErrNoRecord)
		wantIs(t, "delete", s.DeleteAccessKey(ctx, account, name), meta.ErrNoRecord)
		if _, found, err := s.AccessKey(ctx, name); found || err != nil {
			t.Errorf("%q: %v %v", name, found, err)
		}
		value(s.ListAccessKeys(ctx, account, name))(t)
	}
}

func keyLimitRace(t *testing.T, s meta.Store) {
	for round := range 3 {
		var all sync.WaitGroup
		var made atomic.Int32
		principal := fmt.Sprint(ann, round)
		for n := range 12 {
			all.Go(func() {
				k := userKey(fmt.Sprint(round, "-", n))
				k.Principal = principal
				switch err := s.CreateAccessKey(t.Context(), k, 2); err {
				case nil:
					made.Add(1)
				case meta.ErrFull:
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if got := value(s.ListAccessKeys(t.Context(), account, principal))(t); len(got) != 2 || made.Load() != 2 {
			t.Errorf("%d are there, %d were acknowledged", len(got), made.Load())
		}
	}
}

func keyUseRace(t *testing.T, s meta.Store) {
	ids := numbered("AKIA%d", 6)
	for _, id := range ids {
		must(t, s.CreateAccessKey(t.Context(), userKey(id), 0))
	}
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			for i := range 10 {
				uses := make([]meta.KeyUse, len(ids))
				for n := range ids {
					uses[n] = meta.KeyUse{ID: ids[(n+w)%len(ids)], At: base.Add(time.Duration(w*10+i) * time.Second), Service: "ecr"}
				}
				if err := s.RecordKeyUses(t.Context(), uses); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, k := range value(s.ListAccessKeys(t.Context(), account, ""))(t) {
		if want := base.Add(59 * time.Second); !k.LastUsed.At.Equal(want) {
			t.Errorf("%s: last used %v, want %v", k.ID, k.LastUsed.At, want)
		}
	}
}

// keyRewriteRace: a key that was stored before the secrets were rewritten is
// rewritten, too, and one that is stored after them is left as it is.
func keyRewriteRace(t *testing.T, s meta.Store) {
	var all sync.WaitGroup
	for _, id := range numbered("AKIA%d", 12) {
		all.Go(func() {
			if err := s.CreateAccessKey(t.Context(), userKey(id), 100); err != nil {
				t.Error(err)
			}
			if err := s.RecordKeyUses(t.Context(), []meta.KeyUse{{ID: id, At: base}}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Go(func() {
		_, _, _, err := s.EnsureInstance(t.Context(), meta.Instance{Secret: []byte("i"), CreatedAt: base}, rootKey("AKIAROOT"))
		if err != nil {
			t.Error(err)
		}
	})
	seal := func(secret []byte) ([]byte, error) { return append([]byte("+"), secret...), nil }
	for _, name := range numbered("s%d", 6) {
		all.Go(func() {
			if err := s.CreateRecord(t.Context(), record(meta.SecretRecord, name, "body"), 100); err != nil {
				t.Error(err)
			}
			_, err := s.UpdateRecord(t.Context(), account, meta.SecretRecord, name, base, func(r *meta.Record) error {
				r.Body = append(slices.Clone(r.Body), '.')
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range 3 {
		all.Go(func() {
			if err := s.RewriteSecrets(t.Context(), seal); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, name := range numbered("s%d", 6) {
		body := value(s.Record(t.Context(), account, meta.SecretRecord, name))(t).Body
		if got := bytes.TrimLeft(body, "+"); string(got) != "body." || len(body)-len(got) > 3 {
			t.Errorf("record %s: %q", name, body)
		}
	}
	for _, k := range value(s.ListAccessKeys(t.Context(), account, ann))(t) {
		want := userKey(k.ID).Secret
		if got := bytes.TrimLeft(k.Secret, "+"); !bytes.Equal(got, want) || len(k.Secret)-len(got) > 3 {
			t.Errorf("%s: secret %q", k.ID, k.Secret)
		}
		one, _, err := s.AccessKey(t.Context(), k.ID)
		if err != nil || !bytes.Equal(one.Secret, k.Secret) {
			t.Errorf("%s: alone %q, listed %q, %v", k.ID, one.Secret, k.Secret, err)
		}
	}
}
