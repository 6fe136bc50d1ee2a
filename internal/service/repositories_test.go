package service_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/service"
)

const everything = "arn:aws:ecr:us-east-1:000000000000:repository/*"

func TestTagsAtCreationNeedTheRightToTag(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	maker := h.userWith("maker", allow("ecr:CreateRepository", "*"))
	tags := []registry.ResourceTag{{Key: "team", Value: "red"}}
	if _, err := h.CreateRepository(ctx, maker, service.CreateRepository{Name: "plain"}); err != nil {
		t.Error(err)
	}
	_, err := h.CreateRepository(ctx, maker, service.CreateRepository{Name: "tagged", Tags: tags})
	wantDenial(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:user/maker is not authorized to perform: ecr:TagResource on resource: "+
		"arn:aws:ecr:us-east-1:000000000000:repository/tagged because no identity-based policy allows the ecr:TagResource action")
	_, err = h.Store.Repository(ctx, account, "tagged")
	wantCode(t, err, registry.CodeRepositoryNotFound)
	tagger := h.userWith("tagger", allow("ecr:CreateRepository", "*"), allow("ecr:TagResource", "*"))
	if _, err := h.CreateRepository(ctx, tagger, service.CreateRepository{Name: "tagged", Tags: tags}); err != nil {
		t.Error(err)
	}
}

func TestConditionsSeeTheTagsOfARequest(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("web")
	const arn = "arn:aws:ecr:us-east-1:000000000000:repository/web"
	red := h.userWith("red",
		allow("ecr:CreateRepository", "*", `,"Condition":{"StringEquals":{"aws:RequestTag/team":"red"}}`),
		allow("ecr:TagResource", "*", `,"Condition":{"StringEquals":{"aws:RequestTag/team":"red"},"ForAllValues:StringEquals":{"aws:TagKeys":["team","stage"]}}`),
		allow("ecr:UntagResource", "*", `,"Condition":{"ForAllValues:StringEquals":{"aws:TagKeys":["stage"]}}`),
	)
	tags := func(pairs ...string) (all []registry.ResourceTag) {
		for _, p := range pairs {
			key, value, _ := strings.Cut(p, "=")
			all = append(all, registry.ResourceTag{Key: key, Value: value})
		}
		return all
	}
	create := func(name string, pairs ...string) error {
		_, err := h.CreateRepository(ctx, red, service.CreateRepository{Name: name, Tags: tags(pairs...)})
		return err
	}
	wantCode(t, create("none"), registry.CodeAccessDenied)
	wantCode(t, create("blue", "team=blue"), registry.CodeAccessDenied)
	wantCode(t, create("more", "team=red", "owner=me"), registry.CodeAccessDenied)
	if err := create("red", "team=red", "stage=prod"); err != nil {
		t.Error(err)
	}
	wantCode(t, h.TagResource(ctx, red, arn, tags("team=blue")), registry.CodeAccessDenied)
	if err := h.TagResource(ctx, red, arn, tags("team=red", "stage=prod")); err != nil {
		t.Error(err)
	}
	wantCode(t, h.UntagResource(ctx, red, arn, []string{"stage", "team"}), registry.CodeAccessDenied)
	if err := h.UntagResource(ctx, red, arn, []string{"stage"}); err != nil {
		t.Error(err)
	}
}

// catalog walks all pages of a size and answers the names, and how many pages
// there were.
func (h *house) catalog(c service.Caller, size int) (names []string, pages int, err error) {
	h.t.Helper()
	for after := ""; ; pages++ {
		found, next, err := h.Catalog(h.t.Context(), c, after, size)
		if err != nil {
			return names, pages, err
		}
		if len(found) > size {
			h.t.Errorf("%d repositories on a page of %d", len(found), size)
		}
		for _, r := range found {
			names = append(names, r.Name)
		}
		if next == "" {
			return names, pages + 1, nil
		}
		after = next
	}
}

const cannotDescribe = " is not authorized to perform: ecr:DescribeRepositories on resource: " + everything + " because no identity-based policy allows the ecr:DescribeRepositories action"

func TestListsAreForThoseWhoMayDescribeAll(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.repository("blue/one")
	h.repository("red/one")
	for _, c := range []service.Caller{h.owner, h.userWith("all", allow("ecr:Describe*", "*")), h.userWith("each", allow("ecr:DescribeRepositories", everything))} {
		if found, err := h.ListRepositories(ctx, c, "", 10); err != nil || len(found) != 2 {
			t.Errorf("%s: %v, %v", c.ARN, found, err)
		}
		if names, _, err := h.catalog(c, 1); err != nil || !slices.Equal(names, []string{"blue/one", "red/one"}) {
			t.Errorf("%s: %v, %v", c.ARN, names, err)
		}
	}
	red := h.userWith("red", allow("ecr:DescribeRepositories", "arn:aws:ecr:us-east-1:000000000000:repository/red/*"))
	_, err := h.ListRepositories(ctx, red, "", 10)
	wantDenial(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:user/red"+cannotDescribe)
	_, err = h.ListRepositories(ctx, stranger(), "", 10)
	wantCode(t, err, registry.CodeAccessDenied)
}

func TestCatalogShowsWhatTheCallerMayDescribe(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	for _, name := range []string{"blue/1", "blue/2", "green/1", "red/1", "red/2", "red/3", "white/1"} {
		h.repository(name)
	}
	red := h.userWith("red", allow("ecr:DescribeRepositories", "arn:aws:ecr:us-east-1:000000000000:repository/red/*"),
		allow("ecr:DescribeRepositories", "*", `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}`))
	open := policyOf(about("Allow", `{"AWS":"`+red.ARN+`"}`, "ecr:DescribeRepositories"))
	if _, err := h.SetRepositoryPolicy(ctx, h.owner, "green/1", open, false); err != nil {
		t.Fatal(err)
	}
	closed := policyOf(about("Deny", `"*"`, "ecr:DescribeRepositories"))
	if _, err := h.SetRepositoryPolicy(ctx, h.owner, "red/2", closed, false); err != nil {
		t.Fatal(err)
	}
	if err := h.TagResource(ctx, h.owner, "arn:aws:ecr:us-east-1:000000000000:repository/white/1", []registry.ResourceTag{{Key: "team", Value: "red"}}); err != nil {
		t.Fatal(err)
	}
	want := []string{"green/1", "red/1", "red/3", "white/1"}
	for size := 1; size <= 5; size++ {
		if names, pages, err := h.catalog(red, size); err != nil || !slices.Equal(names, want) || pages != (len(want)+size-1)/size {
			t.Errorf("by %d: %v in %d pages, %v", size, names, pages, err)
		}
	}
	if found, next, err := h.Catalog(ctx, red, "", 0); err != nil || len(found) != 0 || next != "" {
		t.Errorf("of no size: %v, %q, %v", found, next, err)
	}
	if found, _, err := h.Catalog(ctx, red, "red/2", 9); err != nil || len(found) != 2 || found[0].Name != "red/3" {
		t.Errorf("after one that is hidden: %v, %v", found, err)
	}
	if found, next, err := h.Catalog(ctx, red, "zzz", 9); err != nil || len(found) != 0 || next != "" {
		t.Errorf("after all: %v, %q, %v", found, next, err)
	}
	_, _, err := h.Catalog(ctx, red, "~zzz", 9)
	wantCode(t, err, registry.CodeInvalidParameter)

	if err := h.ClearPolicies(ctx, account, "green/1"); err != nil {
		t.Fatal(err)
	}
	_, _, err = h.catalog(h.userWith("nobody"), 10)
	wantDenial(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::000000000000:user/nobody"+cannotDescribe)
	_, _, err = h.catalog(stranger(), 10)
	wantDenial(t, err, registry.CodeAccessDenied, "User: arn:aws:iam::111111111111:root is not authorized to perform: ecr:DescribeRepositories on resource: "+everything+
		" because no resource-based policy allows the ecr:DescribeRepositories action")
	_, _, err = h.catalog(service.Caller{}, 10)
	wantCode(t, err, registry.CodeAccessDenied)
}

// fill stores many repositories at once.
func (h *house) fill(prefix string, count int) {
	h.t.Helper()
	var wg sync.WaitGroup
	work := make(chan int)
	for range 64 {
		wg.Go(func() {
			for i := range work {
				r := &registry.Repository{Account: account, Name: fmt.Sprintf("%s%05d", prefix, i), CreatedAt: time.Now(), TagMutability: registry.Mutable, Encryption: registry.Encryption{Type: "AES256"}}
				if err := h.Store.CreateRepository(h.t.Context(), r, 0); err != nil {
					h.t.Error(err)
				}
			}
		})
	}
	for i := range count {
		work <- i
	}
	close(work)
	wg.Wait()
}

func TestCatalogLooksAtABoundedNumberAndTellsNoHiddenName(t *testing.T) {
	h, ctx := newHouse(t), context.Background()
	h.fill("hidden", 5200)
	h.repository("visible")
	h.repository("aaa")
	seer := h.userWith("seer", allow("ecr:DescribeRepositories", "arn:aws:ecr:us-east-1:000000000000:repository/visible"))
	found, next, err := h.Catalog(ctx, seer, "", 10)
	if err != nil || len(found) != 0 || next == "" || strings.Contains(next, "hidden") {
		t.Fatalf("%d, %q, %v; want an empty page and a next one", len(found), next, err)
	}
	if names, pages, err := h.catalog(seer, 10); err != nil || !slices.Equal(names, []string{"visible"}) || pages != 2 {
		t.Errorf("%v in %d pages, %v", names, pages, err)
	}
	// Nobody can make a place up.
	made := []byte(next)
	if middle := len(made) / 2; made[middle] == 'A' {
		made[middle] = 'B'
	} else {
		made[middle] = 'A'
	}
	_, _, err = h.Catalog(ctx, seer, string(made), 10)
	wantCode(t, err, registry.CodeInvalidParameter)
	if found, _, err := h.Catalog(ctx, h.owner, next, 10); err != nil || len(found) != 10 {
		t.Errorf("by somebody who sees all: %d, %v", len(found), err)
	}
	_, pages, err := h.catalog(h.userWith("nobody"), 10)
	wantCode(t, err, registry.CodeAccessDenied)
	if pages != 1 {
		t.Errorf("refused on page %d, want the second", pages+1)
	}
}
