package service_test

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/awsapi/apitest"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/job"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan"
	"github.com/ecru-registry/ecru/internal/scan/external"
	"github.com/ecru-registry/ecru/internal/service"
)

// adapters are scanners that say what the test wants.
type adapters struct {
	asked []external.Endpoint
	fault error
}

func (a *adapters) Metadata(_ context.Context, e external.Endpoint) (external.Metadata, error) {
	a.asked = append(a.asked, e)
	return external.Metadata{Scanner: external.Identity{Name: "Trivial", Version: "1"}}, a.fault
}

type scanners struct {
	*apitest.House
	t        *testing.T
	adapters *adapters
	operator service.Caller
	other    service.Caller
}

func openScanners(t *testing.T) *scanners {
	t.Helper()
	s := &scanners{t: t, adapters: &adapters{}}
	s.House = apitest.Open(t, func(c *service.Config) { c.Adapters, c.RegistryURL = s.adapters, "https://registry.example" })
	s.EnsureAccounts()
	s.operator = service.Caller{Principal: iam.RootPrincipal(apitest.Account, apitest.Root)}
	s.other = service.Caller{Principal: iam.RootPrincipal(apitest.Other, apitest.OtherRoot)}
	return s
}

func (s *scanners) add(c service.Caller, account, name string, instance bool) {
	s.t.Helper()
	_, err := s.Service.AddScanner(s.t.Context(), c, account, service.NewScanner{
		Name: name, Instance: instance, Endpoint: external.Endpoint{URL: "https://" + name + ".example", Auth: external.Bearer, Credential: "token of " + name},
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scanners) setDefault(c service.Caller, account, name string, instance bool) {
	s.t.Helper()
	if err := s.Service.SetDefaultScanner(s.t.Context(), c, account, name, instance); err != nil {
		s.t.Fatal(err)
	}
}

// engine is what scans an image that is pushed to a repository of an account now.
func (s *scanners) engine(c service.Caller, repository string) string {
	s.t.Helper()
	if _, err := s.Service.CreateRepository(s.t.Context(), c, service.CreateRepository{Name: repository, ScanOnPush: true}); err != nil {
		s.t.Fatal(err)
	}
	manifest := `{"schemaVersion":2,"mediaType":"` + registry.MediaTypeOCIManifest + `","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + emptyDigest + `","size":2},"layers":[]}`
	pushEmpty(s.t, s.Service, c, repository)
	if _, _, err := s.Service.PutManifest(s.t.Context(), c, service.PushManifest{Repository: repository, MediaType: registry.MediaTypeOCIManifest, Payload: []byte(manifest)}); err != nil {
		s.t.Fatal(err)
	}
	jobs, err := s.Store.ClaimJobs(s.t.Context(), s.Now(), time.Hour, 10)
	if err != nil || len(jobs) != 1 {
		s.t.Fatalf("%+v, %v", jobs, err)
	}
	return jobs[0].Kind + " " + between(jobs[0], `"engine":"`, `"`)
}

func between(j job.Job, from, to string) string {
	_, rest, _ := strings.Cut(string(j.Payload), from)
	word, _, _ := strings.Cut(rest, to)
	return word
}

const emptyDigest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"

func pushEmpty(t *testing.T, s *service.Service, c service.Caller, repository string) {
	t.Helper()
	if _, err := s.PushBlob(t.Context(), c, repository, emptyDigest, service.Chunk{Offset: service.AtEnd, Length: 2, Body: strings.NewReader("{}")}); err != nil {
		t.Fatal(err)
	}
}

func TestWhoMakesTheBasicScansOfAnAccount(t *testing.T) {
	s := openScanners(t)
	s.add(s.operator, "", "shared", true)
	s.add(s.other, apitest.Other, "own", false)
	builtin := scan.JobKind + " " + registry.EngineNative
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	want("nobody has said", s.engine(s.other, "a"), builtin)
	s.setDefault(s.operator, "", "shared", true)
	want("the instance has", s.engine(s.other, "b"), "external-scan EXTERNAL:shared")
	want("of the default account, too", s.engine(s.operator, "a"), "external-scan EXTERNAL:shared")
	s.setDefault(s.other, apitest.Other, "own", false)
	want("the account has", s.engine(s.other, "c"), "external-scan EXTERNAL:own")
	s.setDefault(s.other, apitest.Other, service.BuiltinScanner, false)
	want("the account wants ours", s.engine(s.other, "d"), builtin)
	s.setDefault(s.other, apitest.Other, service.InheritScanner, false)
	want("the account has nothing against it", s.engine(s.other, "e"), "external-scan EXTERNAL:shared")
	if err := s.Service.PutAccountSetting(t.Context(), s.other, registry.SettingBasicScanVersion, registry.EngineClair); err != nil {
		t.Fatal(err)
	}
	want("CLAIR", s.engine(s.other, "f"), scan.JobKind+" "+registry.EngineClair)
}

func TestScannersOfAnAccountAndOfTheInstance(t *testing.T) {
	s := openScanners(t)
	s.add(s.operator, "", "same", true)
	s.add(s.other, apitest.Other, "same", false)
	s.setDefault(s.operator, "", "same", true)
	list := func(c service.Caller, account string) (out []string) {
		t.Helper()
		all, err := s.Service.Scanners(t.Context(), c, account)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range all {
			text := x.Name + " of an account"
			if x.Instance {
				text = x.Name + " of the instance"
			}
			if x.Default {
				text += ", default"
			}
			out = append(out, text)
		}
		return out
	}
	if got := list(s.other, apitest.Other); !slices.Equal(got, []string{"same of an account, default", "same of the instance"}) {
		t.Errorf("%q", got)
	}
	if got := list(s.operator, apitest.Account); !slices.Equal(got, []string{"same of the instance, default"}) {
		t.Errorf("%q", got)
	}
	for _, err := range []error{
		s.Service.SetDefaultScanner(t.Context(), s.other, "", "same", true), s.Service.RemoveScanner(t.Context(), s.other, "", "same", true),
		s.Service.RemoveScanner(t.Context(), s.other, apitest.Account, "same", false),
	} {
		if registry.CodeOf(err) != registry.CodeAccessDenied {
			t.Errorf("of others: %v", err)
		}
	}
	if err := s.Service.RemoveScanner(t.Context(), s.operator, "", "same", true); registry.CodeOf(err) != registry.CodeInvalidState {
		t.Errorf("the default of the instance: %v", err)
	}
	s.setDefault(s.operator, "", service.InheritScanner, true)
	s.setDefault(s.other, apitest.Other, "same", false) // its own: that of the instance is nobody's
	if err := s.Service.RemoveScanner(t.Context(), s.operator, "", "same", true); err != nil {
		t.Error(err)
	}
	if err := s.Service.RemoveScanner(t.Context(), s.other, apitest.Other, "same", false); registry.CodeOf(err) != registry.CodeInvalidState {
		t.Errorf("the default of the account: %v", err)
	}
}

func TestTheCredentialOfAScannerIsSealedAndGoesWithIt(t *testing.T) {
	s := openScanners(t)
	s.add(s.operator, "", "shared", true)
	r, err := s.Service.ScannerNamed(t.Context(), apitest.Other, "shared")
	if err != nil || r.Credential != "token of shared" || r.RegistryURL != "https://registry.example" || r.Auth != external.Bearer {
		t.Fatalf("%+v, %v", r, err)
	}
	if health, err := s.Service.TestScanner(t.Context(), s.other, "", "shared"); err != nil || health.Problem != "" || len(s.adapters.asked) != 2 || s.adapters.asked[1].Credential != "token of shared" {
		t.Errorf("%+v, %v", health, err)
	}
	s.adapters.fault = &external.AdapterError{Message: "out of order"}
	if health, err := s.Service.TestScanner(t.Context(), s.other, "", "shared"); err != nil || health.Problem != "out of order" {
		t.Errorf("%+v, %v", health, err)
	}
	_, err = s.Service.AddScanner(t.Context(), s.operator, "", service.NewScanner{Name: "another", Endpoint: external.Endpoint{URL: "http://x"}})
	if registry.CodeOf(err) != registry.CodeInvalidParameter || !strings.Contains(err.Error(), "out of order") {
		t.Error(err)
	}
	secrets := func() int {
		t.Helper()
		all, err := s.Service.ListSecrets(t.Context(), s.operator, service.SecretQuery{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := secrets()
	if err := s.Service.RemoveScanner(t.Context(), s.operator, "", "shared", true); err != nil || before != 1 || secrets() != 0 {
		t.Errorf("%v; %d secrets, then %d", err, before, secrets())
	}
	if _, err := s.Service.ScannerNamed(t.Context(), apitest.Other, "shared"); err != external.ErrNoScanner {
		t.Error(err)
	}
}

func TestWhatAScannerMayDoEndsWithItsHourAndWithIt(t *testing.T) {
	s := openScanners(t)
	s.add(s.operator, "", "shared", true)
	r, err := s.Service.ScannerNamed(t.Context(), apitest.Account, "shared")
	if err != nil {
		t.Fatal(err)
	}
	header, err := s.Service.PullAuthorization(apitest.Account, "app", r, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(header, "Basic "))
	if err != nil {
		t.Fatal(err)
	}
	tokens := iam.NewTokens(service.DeriveKey([]byte("secret"), service.PasswordPurpose), apitest.Region)
	p, until, err := tokens.Verify(strings.TrimPrefix(string(plain), "AWS:"), s.Now())
	if err != nil || until.Sub(s.Now()) > time.Hour {
		t.Fatalf("%v until %v", err, until)
	}
	c := service.Caller{Principal: p}
	for action, call := range map[string]func() error{
		"BatchGetImage": func() error {
			_, err := s.Service.Manifest(t.Context(), c, "app", registry.Reference{Tag: "x"}, service.ManifestLook)
			return err
		},
		"of another": func() error {
			_, err := s.Service.Manifest(t.Context(), c, "apps", registry.Reference{Tag: "x"}, service.ManifestLook)
			return err
		},
		"ListImages":     func() error { _, err := s.Service.ListTags(t.Context(), c, "app", "", 1); return err },
		"GetRepository":  func() error { _, err := s.Service.RepositoryPolicy(t.Context(), c, "app"); return err },
		"ecru's own API": func() error { _, err := s.Service.Scanners(t.Context(), c, apitest.Account); return err },
	} {
		want := registry.CodeAccessDenied
		if action == "BatchGetImage" {
			want = registry.CodeRepositoryNotFound
		}
		if err := call(); registry.CodeOf(err) != want {
			t.Errorf("%s: %v", action, err)
		}
	}
	if err := s.Service.Alive(t.Context(), p); err != nil {
		t.Error(err)
	}
	if _, _, err := tokens.Verify(strings.TrimPrefix(string(plain), "AWS:"), s.Now().Add(time.Hour)); err == nil {
		t.Error("it is good for longer than an hour")
	}
	if err := s.Service.RemoveScanner(t.Context(), s.operator, "", "shared", true); err != nil {
		t.Fatal(err)
	}
	s.add(s.operator, "", "shared", true)
	if err := s.Service.Alive(t.Context(), p); err != iam.ErrUnknownKey {
		t.Errorf("its namesake lets it in: %v", err)
	}
}
