package oci_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/service"
)

func TestCatalogOfAUserHasWhatThatMaySee(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"blue/a", "red/a", "red/b", "white/a"} {
		w.create(name)
	}
	if err := w.service.EnsureAccount(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	log := func(name, statements string) {
		t.Helper()
		u, err := w.service.CreateUser(t.Context(), w.root(), service.CreateUser{
			Name: name, Inline: map[string]string{"inline": `{"Version":"2012-10-17","Statement":[` + statements + `]}`},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.password = w.issueTo(iam.UserPrincipal(account, name, u.ID, "AKIA"+name), time.Now())
	}
	log("red", `{"Effect":"Allow","Action":"ecr:DescribeRepositories","Resource":"arn:aws:ecr:us-east-1:000000000000:repository/red/*"}`)
	first := w.want(200, "", "GET", "/v2/_catalog?n=1")
	w.wantBody(first, []byte(`{"repositories":["red/a"]}`))
	second := w.want(200, "", "GET", w.next(first))
	w.wantBody(second, []byte(`{"repositories":["red/b"]}`))
	if next := w.next(second); next != "" {
		t.Errorf("there is nothing at %s", next)
	}
	w.want(400, "PAGINATION_NUMBER_INVALID", "GET", "/v2/_catalog?last=~made-up")

	log("push", `{"Effect":"Allow","Action":"ecr:PutImage","Resource":"*"}`)
	refused := w.want(403, "DENIED", "GET", "/v2/_catalog").problem().Message
	if !strings.Contains(refused, "ecr:DescribeRepositories on resource: arn:aws:ecr:us-east-1:000000000000:repository/*") {
		t.Errorf("refused because %s", refused)
	}
}
