package oci_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/service"
)

// TestPasswordsEndWithWhatTheyWereIssuedTo: at once, though they are signed and
// good for hours, and were remembered.
func TestPasswordsEndWithWhatTheyWereIssuedTo(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	if err := w.service.EnsureAccount(ctx, account); err != nil {
		t.Fatal(err)
	}
	const trust = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"000000000000"}}}`
	user := func() iam.Principal {
		u, err := w.service.CreateUser(ctx, w.root(), service.CreateUser{Name: "ci"})
		if err != nil {
			t.Fatal(err)
		}
		return iam.UserPrincipal(account, "ci", u.ID, "AKIACI"+u.ID)
	}
	role := func(source string) iam.Principal {
		r, err := w.service.CreateRole(ctx, w.root(), service.CreateRole{Name: "deploy", Trust: trust})
		if err != nil {
			t.Fatal(err)
		}
		p := iam.RolePrincipal(account, "deploy", r.ID, "job-1", "ASIAEXAMPLE")
		p.SourceKeyID = source
		return p
	}
	good := func(why string) { t.Helper(); w.answersTo(200, why) }
	ended := func(why string) { t.Helper(); w.answersTo(401, why) }

	ci := user()
	w.password = w.issueTo(ci, time.Now())
	good("a user's")
	if err := w.store.SetAccessKeyActive(ctx, account, ci.AccessKeyID, false); err != nil {
		t.Fatal(err)
	}
	ended("of a key that was switched off")
	if err := w.store.SetAccessKeyActive(ctx, account, ci.AccessKeyID, true); err != nil {
		t.Fatal(err)
	}
	good("of a key that was switched on again")
	if err := w.store.DeleteAccessKey(ctx, account, ci.AccessKeyID); err != nil {
		t.Fatal(err)
	}
	ended("of a key that was deleted")

	w.password = w.issueTo(ci, time.Now())
	good("of the same key, made again")
	if err := w.service.DeleteUser(ctx, w.root(), "", "ci"); err != nil {
		t.Fatal(err)
	}
	ended("of a user who was deleted")
	namesake := user()
	if err := w.store.CreateAccessKey(ctx, w.keyOf(ci), 0); err != nil {
		t.Fatal(err)
	}
	ended("of a user who was deleted, when there is a namesake")
	w.password = w.issueTo(namesake, time.Now())
	good("of the namesake")

	var err error
	web := role("")
	if w.password, _, err = w.tokens.Issue(web, time.Now()); err != nil {
		t.Fatal(err)
	}
	good("a role's")
	if err := w.service.DeleteRole(ctx, w.root(), "", "deploy"); err != nil {
		t.Fatal(err)
	}
	ended("of a role that was deleted")
	chained := role(namesake.AccessKeyID)
	ended("of a role that was deleted, when there is a namesake")
	if w.password, _, err = w.tokens.Issue(chained, time.Now()); err != nil {
		t.Fatal(err)
	}
	good("of a role that a user has taken on")
	if err := w.store.SetAccessKeyActive(ctx, account, namesake.AccessKeyID, false); err != nil {
		t.Fatal(err)
	}
	ended("of a role that a user has taken on whose key was switched off")
}

// answersTo wants a status of whoever has the password.
func (w *world) answersTo(status int, why string) {
	w.Helper()
	for range 2 {
		if a := w.do("GET", "/v2/"); a.StatusCode != status {
			w.Errorf("a password %s: %d, want %d", why, a.StatusCode, status)
		}
	}
}

// TestPasswordsOfNobody: a password that was signed by us for what is nobody.
func TestPasswordsOfNobody(t *testing.T) {
	w := newWorld(t)
	now := time.Now()
	for name, p := range map[string]iam.Principal{
		"no key":            {Account: account, ARN: iam.RootARN(account), UserID: account, Kind: iam.Root},
		"another's key":     iam.RootPrincipal("111111111111", "AKIA"+account),
		"a federated one":   iam.FederatedPrincipal(account, "id.example", "repo:a/b"),
		"an owner's of old": {Account: account, ARN: iam.RootARN(account), UserID: account, AccessKeyID: "ASIAOLD"},
	} {
		var err error
		if w.password, _, err = w.tokens.Issue(p, now); err != nil {
			t.Fatal(err)
		}
		w.answersTo(401, name)
	}
}

// away is a registry that cannot say who is alive.
type away struct{ broken }

func (away) Alive(context.Context, iam.Principal) error {
	return errors.New("the database is away")
}

// TestAFailingLookUpIsNoRefusal: clients try again, and do not throw their
// passwords away.
func TestAFailingLookUpIsNoRefusal(t *testing.T) {
	a, log := ask(t.Context(), t, away{}, "", "GET", "/v2/", true)
	if a.Code != 500 || log == "" {
		t.Errorf("answered %d, log %q", a.Code, log)
	}
}
