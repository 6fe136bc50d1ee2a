package chaos

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/ecru-registry/ecru/test/server"
)

const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar"

	requestTimeout = 20 * time.Second
	// retryDelay is how long a client waits while the server is down.
	retryDelay = 20 * time.Millisecond
)

// pusher is a client that pushes image after image and notes what was
// acknowledged.
type pusher struct {
	client *http.Client
	base   string
	ledger *ledger
	repo   string
	number int
	rest   *sync.RWMutex // held while clients are to rest
}

func newPusher(s *server.Server, password string, l *ledger, repo string, number int, rest *sync.RWMutex) *pusher {
	return &pusher{server.BasicClient(s.Host, server.User, password), s.URL, l, repo, number, rest}
}

func (p *pusher) run(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		p.rest.RLock()
		err := p.image(ctx, i)
		p.rest.RUnlock()
		if err == nil {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryDelay):
		}
	}
}

type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

// image pushes one image under a tag of its own and under the tag that the
// client moves. A failure ends it anywhere: what was acknowledged counts.
func (p *pusher) image(ctx context.Context, i int) error {
	config, err := p.blob(ctx, configType, []byte(fmt.Sprintf(`{"os":"linux","author":"%d-%s"}`, p.number, rand.Text())))
	if err != nil {
		return err
	}
	m := manifest{SchemaVersion: 2, MediaType: manifestType, Config: config}
	// The shared layer is pushed by many at the same time.
	for _, content := range [][]byte{unique(), unique(), []byte(fmt.Sprintf("shared layer %d", i/3))} {
		layer, err := p.blob(ctx, layerType, content)
		if err != nil {
			return err
		}
		m.Layers = append(m.Layers, layer)
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := p.tag(ctx, fmt.Sprintf("c%d-%d", p.number, i), text); err != nil {
		return err
	}
	return p.tag(ctx, fmt.Sprintf("latest-%d", p.number), text)
}

func unique() []byte {
	b := make([]byte, 500+mathrand.N(10_000))
	_, _ = rand.Read(b) // never fails
	return b
}

func digestOf(content []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(content)) }

// blob uploads in one PUT or in two chunks.
func (p *pusher) blob(ctx context.Context, mediaType string, content []byte) (descriptor, error) {
	d := descriptor{mediaType, digestOf(content), len(content)}
	response, err := p.do(ctx, http.MethodPost, p.base+"/v2/"+p.repo+"/blobs/uploads/", nil, "", http.StatusAccepted)
	if err != nil {
		return d, err
	}
	rest := content
	if mathrand.N(3) == 0 {
		half := len(content) / 2
		rest = content[half:]
		if response, err = p.do(ctx, http.MethodPatch, response, content[:half], "", http.StatusAccepted); err != nil {
			return d, err
		}
	}
	target, err := withDigest(response, d.Digest)
	if err != nil {
		return d, err
	}
	if _, err := p.do(ctx, http.MethodPut, target, rest, "", http.StatusCreated); err != nil {
		return d, err
	}
	p.ledger.blob(p.repo, d.Digest)
	return d, nil
}

func (p *pusher) tag(ctx context.Context, tag string, text []byte) error {
	digest := digestOf(text)
	p.ledger.moving(p.repo, tag, digest)
	_, err := p.do(ctx, http.MethodPut, p.base+"/v2/"+p.repo+"/manifests/"+tag, text, manifestType, http.StatusCreated)
	if err != nil {
		return err
	}
	p.ledger.moved(p.repo, tag, digest)
	return nil
}

func withDigest(target, digest string) (string, error) {
	u, err := url.Parse(target)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set("digest", digest)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// errRefused is an answer that a healthy server would not give; while it is
// killed and started any error is expected, so it only ends the image.
var errRefused = errors.New("refused")

// do sends a request and returns the Location of the answer as a whole URL.
func (p *pusher) do(ctx context.Context, method, target string, content []byte, mediaType string, want int) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(content))
	if err != nil {
		return "", err
	}
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	response, err := p.client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return "", err
	}
	if response.StatusCode != want {
		return "", fmt.Errorf("%w: %s %s answered %d", errRefused, method, target, response.StatusCode)
	}
	location, err := response.Location()
	if err != nil {
		return "", err
	}
	return location.String(), nil
}
