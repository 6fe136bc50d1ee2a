package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ecru-registry/ecru/test/server"
)

func TestServerStartsStopsAndKeepsItsData(t *testing.T) {
	server.OnEachDatabase(t, func(t *testing.T, database string) {
		s := server.Start(t, server.Options{Database: database})
		s.CreateRepository(t, "kept")
		for name, end := range map[string]func(testing.TB){"stopped": s.Stop, "killed": s.Kill} {
			address, credentials := s.URL, s.Credentials
			end(t)
			if _, err := http.Get(s.URL + "/readyz"); err == nil {
				t.Fatalf("a %s server answers", name)
			}
			s.Restart(t)
			if s.URL != address || s.Credentials != credentials {
				t.Errorf("after it was %s the server has another address or key", name)
			}
			response, err := s.Client(t).Get(s.URL + "/v2/kept/tags/list")
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Errorf("after it was %s the repository answers %d", name, response.StatusCode)
			}
		}
	})
}

func TestServerNeedsItsOwnSettingsOnly(t *testing.T) {
	t.Setenv("ECRU_LISTEN", "127.0.0.1:1")
	t.Setenv("AWS_ACCESS_KEY_ID", "someone-else")
	s := server.Start(t, server.Options{})
	if strings.HasSuffix(s.Host, ":1") || s.Credentials.AccessKeyID == "someone-else" {
		t.Errorf("the environment of the test reached the server: %+v", s.Credentials)
	}
	if endpoint := s.Credentials.Endpoint; endpoint != s.URL {
		t.Errorf("ecru env prints %s, want %s", endpoint, s.URL)
	}
}
