package conformance

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/test/server"
)

// A registry that is tested instead of ecru. It must create repositories when
// they are pushed to; their names begin with ECRU_CONFORMANCE_REPO.
const (
	urlEnv      = "ECRU_CONFORMANCE_URL"
	userEnv     = "ECRU_CONFORMANCE_USER"
	passwordEnv = "ECRU_CONFORMANCE_PASSWORD"
	repoEnv     = "ECRU_CONFORMANCE_REPO"
)

// testCase is one requirement: the section of the specification that it stands
// in (or the other text that asks for it), and what is required.
type testCase struct {
	section, name string
	run           func(t *testing.T, r *registry)
}

func TestConformance(t *testing.T) {
	if os.Getenv(urlEnv) != "" {
		runAll(t, externalRegistry(t))
		return
	}
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		runAll(t, ecruRegistry(t, server.Options{Database: database}))
	})
}

// runAll runs the cases, each on repositories of its own, in the order of the
// specification.
func runAll(t *testing.T, r *registry) {
	for _, c := range allCases() {
		t.Run(c.section+"/"+c.name, func(t *testing.T) {
			c.run(t, r)
		})
	}
}

func allCases() []testCase {
	var all []testCase
	for _, cases := range [][]testCase{
		apiCases(), nameCases(),
		pullManifestCases(), pullBlobCases(), rangeCases(),
		uploadCases(), chunkCases(), uploadStateCases(), mountCases(), sha512Cases(),
		manifestCases(), manifestKindCases(), badManifestCases(),
		tagCases(), referrerCases(), deleteCases(), hostileCases(),
	} {
		all = append(all, cases...)
	}
	return all
}

func TestCasesHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range allCases() {
		name := c.section + "/" + c.name
		if seen[name] || strings.Contains(c.name, "/") || c.section == "" || c.name == "" {
			t.Errorf("%q is no name for a case", name)
		}
		seen[name] = true
	}
}

func ecruRegistry(t *testing.T, options server.Options) *registry {
	s := server.Start(t, options)
	s.SetAccountSetting(t, "BLOB_MOUNTING", "ENABLED")
	r := newRegistry(s.URL, server.User, s.Password(t))
	r.ecru = s
	r.create = func(t *testing.T, name string) { s.CreateRepository(t, name) }
	return r
}

func externalRegistry(t *testing.T) *registry {
	base := strings.TrimSuffix(os.Getenv(urlEnv), "/")
	if _, err := url.Parse(base); err != nil {
		t.Fatalf("%s: %v", urlEnv, err)
	}
	r := newRegistry(base, os.Getenv(userEnv), os.Getenv(passwordEnv))
	r.prefix = os.Getenv(repoEnv)
	if r.prefix == "" {
		r.prefix = "conformance"
	}
	r.create = func(t *testing.T, name string) {
		// Some registries know a repository only from its first blob.
		r.pushBlob(t, name, []byte("first blob of "+name))
	}
	return r
}

func newRegistry(base, user, password string) *registry {
	u, _ := url.Parse(base)
	client := server.BasicClient(u.Host, user, password)
	// A redirect is an answer like any other, to be looked at.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &registry{base: base, host: u.Host, user: user, password: password, client: client, prefix: "conformance"}
}
