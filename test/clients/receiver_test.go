package clients

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// startReceiver starts an HTTP endpoint for events, and answers the variables
// by which scripts find it: its URL, and the file in which each request is a
// line of JSON. While there is a file of that name with .off it refuses all
// requests and writes nothing.
func startReceiver(t *testing.T) []string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "received.jsonl")
	must(t, os.WriteFile(file, nil, 0o600))
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if _, err := os.Stat(file + ".off"); !errors.Is(err, fs.ErrNotExist) {
			http.Error(w, "not now", http.StatusBadRequest)
			return
		}
		line, err := received(r)
		if err == nil {
			err = appendTo(file, line)
		}
		if err != nil {
			t.Errorf("receiving %s: %v", r.URL, err)
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(s.Close)
	return []string{"RECEIVER=" + s.URL, "RECEIVED=" + file}
}

// received is a request as a line of JSON.
func received(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	header := map[string]string{}
	for name := range r.Header {
		header[name] = r.Header.Get(name)
	}
	line, err := json.Marshal(map[string]any{
		"method": r.Method, "path": r.URL.Path, "query": r.URL.RawQuery, "header": header, "body": string(body),
	})
	return append(line, '\n'), err
}

func appendTo(file string, line []byte) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}
