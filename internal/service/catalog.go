package service

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"strings"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// Bounds of one page of a catalog of which the caller may see a part.
const (
	maxCatalogLook = 5000 // repositories that are looked at
	catalogBatch   = 500  // that are read at once
)

// Catalog answers up to limit repositories by name, after a name or where the
// page before said, and where the next page begins, "" at the end.
//
// Unlike ListRepositories it answers callers of the account who may describe
// some repositories only: it leaves the others out. A page of theirs may hold
// less than limit, even nothing, and still be followed by another: no page
// costs more than a look at so many repositories.
// Errors: AccessDenied (also when there is nothing that the caller may see),
// InvalidParameter.
func (s *Service) Catalog(ctx context.Context, c Caller, after string, limit int) ([]registry.Repository, string, error) {
	scope := s.registryOf(c)
	q := question{action: "ecr:DescribeRepositories", repository: everyRepository}
	request, policies, err := s.ask(ctx, scope, c, q)
	if err != nil {
		return nil, "", err
	}
	if c.Anonymous() || c.Account != scope.Account || iam.Evaluate(request, policies).Allowed {
		return s.wholeCatalog(ctx, c, q, after, limit)
	}
	if err := s.throttle.take(request.Action, c.IdentityARN()); err != nil {
		return nil, "", err
	}
	v := &catalogView{service: s, caller: c, scope: scope, question: q, request: request, policies: policies}
	return v.page(ctx, after, limit)
}

func (s *Service) wholeCatalog(ctx context.Context, c Caller, q question, after string, limit int) ([]registry.Repository, string, error) {
	scope, err := s.decide(ctx, c, q)
	if err != nil {
		return nil, "", err
	}
	place, err := s.openPlace(scope.Account, after)
	if err != nil {
		return nil, "", err
	}
	found, err := s.Store.ListRepositories(ctx, scope.Account, place.after, limit+1)
	found, next := cutCatalog(found, limit)
	return found, next, err
}

// cutCatalog makes a page of what was found, which is one more than fits if
// there is more. A page of no size has no next.
func cutCatalog(found []registry.Repository, limit int) ([]registry.Repository, string) {
	if len(found) <= limit {
		return found, ""
	}
	if limit <= 0 {
		return nil, ""
	}
	return found[:limit], found[limit-1].Name
}

// catalogView is the part of a catalog that one caller may see.
type catalogView struct {
	service  *Service
	caller   Caller
	scope    registry.Scope
	question question
	request  iam.Request // about every repository
	policies iam.Policies
}

func (v *catalogView) page(ctx context.Context, after string, limit int) ([]registry.Repository, string, error) {
	place, err := v.service.openPlace(v.scope.Account, after)
	if err != nil {
		return nil, "", err
	}
	found, last, err := v.look(ctx, place.after, max(limit, 1))
	if err != nil {
		return nil, "", err
	}
	seen := place.seen || len(found) > 0
	if last == "" && !seen {
		return nil, "", v.answer(ctx, iam.Evaluate(v.request, v.policies))
	}
	if err := v.answer(ctx, iam.Decision{Allowed: true, By: iam.IdentityBased}); err != nil {
		return nil, "", err
	}
	if len(found) <= limit && last != "" && limit > 0 {
		next, err := v.service.sealPlace(v.scope.Account, catalogPlace{after: last, seen: seen})
		return found, next, err
	}
	found, next := cutCatalog(found, limit)
	return found, next, nil
}

// look finds limit+1 repositories that the caller may see, or all that are
// left, or what is among so many as may be looked at; then last is the last of
// those.
func (v *catalogView) look(ctx context.Context, after string, limit int) (found []registry.Repository, last string, err error) {
	for looked := 0; looked < maxCatalogLook; looked += catalogBatch {
		batch, err := v.service.Store.ListRepositories(ctx, v.scope.Account, after, catalogBatch)
		if err != nil {
			return nil, "", err
		}
		for _, r := range batch {
			after = r.Name
			visible, err := v.shows(ctx, r.Name)
			if err != nil {
				return nil, "", err
			}
			if visible {
				found = append(found, r)
			}
			if len(found) > limit {
				return found, "", nil
			}
		}
		if len(batch) < catalogBatch {
			return found, "", nil
		}
	}
	return found, after, nil
}

// shows says whether the caller may describe a repository. It leaves no trace:
// what the page was allowed by is one decision.
func (v *catalogView) shows(ctx context.Context, repository string) (bool, error) {
	s := v.service
	texts, err := s.Store.AccessPolicies(ctx, v.scope.Account, repository)
	if err != nil {
		return false, err
	}
	request, policies := v.request, v.policies
	request.Resource = v.scope.RepositoryARN(repository)
	if policies.Resource, err = s.compiled.get(iam.ResourcePolicy, texts.Repository); err != nil {
		return false, err
	}
	if policies.Conditional() {
		request.Context = s.conditionContext(v.caller, v.question, texts.Tags)
	}
	return iam.Evaluate(request, policies).Allowed, nil
}

// answer leaves the one trace of a page.
func (v *catalogView) answer(ctx context.Context, d iam.Decision) error {
	reason := d.String()
	if d.Allowed {
		reason = "shows the repositories that the caller may describe"
	}
	reqlog.Decide(ctx, reqlog.Decision{
		Account: v.scope.Account, Action: v.request.Action, Resource: v.request.Resource, Allowed: d.Allowed, Reason: reason,
	})
	if !d.Allowed {
		return iam.Denied(v.request, d)
	}
	return nil
}

// catalogPlace is where a page begins.
type catalogPlace struct {
	after string
	seen  bool // a page before this one had something to show
}

// sealedMark begins a sealed place; no name begins with it.
const sealedMark = "~"

// sealPlace makes the beginning of a page out of the name of a repository that
// the caller may not see, and must not learn.
func (s *Service) sealPlace(account string, p catalogPlace) (string, error) {
	seal, err := s.catalogSeal()
	if err != nil {
		return "", err
	}
	plain := []byte{0}
	if p.seen {
		plain[0] = 1
	}
	nonce := make([]byte, seal.NonceSize())
	_, _ = rand.Read(nonce) // never fails
	sealed := seal.Seal(nonce, nonce, append(plain, p.after...), []byte(account))
	return sealedMark + base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openPlace reads the beginning of a page: a name, which the client knows
// because it was shown it, or a sealed place. Errors: InvalidParameter.
func (s *Service) openPlace(account, after string) (catalogPlace, error) {
	text, sealed := strings.CutPrefix(after, sealedMark)
	if !sealed {
		return catalogPlace{after: after, seen: after != ""}, nil
	}
	seal, err := s.catalogSeal()
	if err != nil {
		return catalogPlace{}, err
	}
	invalid := registry.InvalidParameter("last", "Invalid pagination token")
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) < seal.NonceSize() {
		return catalogPlace{}, invalid
	}
	plain, err := seal.Open(nil, raw[:seal.NonceSize()], raw[seal.NonceSize():], []byte(account))
	if err != nil || len(plain) == 0 {
		return catalogPlace{}, invalid
	}
	return catalogPlace{after: string(plain[1:]), seen: plain[0] == 1}, nil
}

func (s *Service) catalogSeal() (cipher.AEAD, error) {
	block, err := aes.NewCipher(DeriveKey(s.Config.Secret, "catalog places"))
	if err != nil {
		return nil, registry.Internal("sealing a place", err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		return nil, registry.Internal("sealing a place", err)
	}
	return seal, nil
}
