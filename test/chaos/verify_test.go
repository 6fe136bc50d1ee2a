package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"

	"github.com/ecru-registry/ecru/test/server"
)

const (
	checkers = 8
	// maxReports bounds what a failing test prints.
	maxReports = 20
)

// verifier looks at a server from outside.
type verifier struct {
	t       *testing.T
	client  *http.Client
	base    string
	reports atomic.Int32
	// seen holds what this look has read already, manifests with their
	// content: what is listed is mostly what was acknowledged.
	seen sync.Map // place → []byte
	// found counts what was there, by kind.
	blobs, manifests, tags, listed, references atomic.Int64
}

// verify checks that everything of a snapshot is there and that nothing that is
// listed leads nowhere; it says how much it looked at.
func verify(t *testing.T, s *server.Server, password string, repos []string, acknowledged *snapshot) string {
	t.Helper()
	v := &verifier{t: t, client: server.BasicClient(s.Host, server.User, password), base: s.URL}
	v.blobsOf(acknowledged)
	v.manifestsOf(acknowledged)
	v.tagsOf(acknowledged)
	for _, repo := range repos {
		v.everythingListed(s, repo)
	}
	if t.Failed() {
		t.FailNow()
	}
	return fmt.Sprintf("acknowledged/found: blobs %d/%d, manifests %d/%d, tags %d/%d; listed images %d, their references %d, none dangling",
		len(acknowledged.blobs), v.blobs.Load(), len(acknowledged.manifests), v.manifests.Load(),
		acknowledged.acknowledgedTags(), v.tags.Load(), v.listed.Load(), v.references.Load())
}

func (v *verifier) report(format string, args ...any) {
	if v.reports.Add(1) <= maxReports {
		v.t.Errorf(format, args...)
	}
}

// each runs check on every item, some at a time.
func each[T any](items []T, check func(T)) {
	queue := make(chan T)
	var group sync.WaitGroup
	for range checkers {
		group.Go(func() {
			for item := range queue {
				check(item)
			}
		})
	}
	for _, item := range items {
		queue <- item
	}
	close(queue)
	group.Wait()
}

func keys[V any](m map[place]V) []place {
	var all []place
	for k := range m {
		all = append(all, k)
	}
	return all
}

func (v *verifier) blobsOf(s *snapshot) {
	each(keys(s.blobs), func(at place) {
		if content, ok := v.get(at.repo + "/blobs/" + at.name); !ok {
			v.report("blob %s of %s was acknowledged and is gone", at.name, at.repo)
		} else if got := digestOf(content); got != at.name {
			v.report("blob %s of %s has the content of %s", at.name, at.repo, got)
		} else {
			v.seen.Store(at, []byte(nil))
			v.blobs.Add(1)
		}
	})
}

func (v *verifier) manifestsOf(s *snapshot) {
	each(keys(s.manifests), func(at place) {
		if content, ok := v.get(at.repo + "/manifests/" + at.name); !ok || digestOf(content) != at.name {
			v.report("manifest %s of %s was acknowledged and is gone or changed", at.name, at.repo)
		} else {
			v.seen.Store(at, content)
			v.manifests.Add(1)
		}
	})
}

func (v *verifier) tagsOf(s *snapshot) {
	each(keys(s.tags), func(at place) {
		content, ok := v.get(at.repo + "/manifests/" + at.name)
		switch {
		case !ok && !s.acknowledged(at):
			// Neither answered nor stored: it never happened.
		case !ok:
			v.report("tag %s of %s was acknowledged and is gone", at.name, at.repo)
		case !s.mayName(at, digestOf(content)):
			v.report("tag %s of %s names %s, which is older than what was acknowledged, or nothing that was pushed", at.name, at.repo, digestOf(content))
		case s.acknowledged(at):
			v.tags.Add(1)
		}
	})
}

// everythingListed follows what the server itself lists, tagged or not, also
// what nobody was told of.
func (v *verifier) everythingListed(s *server.Server, repo string) {
	digests, names := map[string]bool{}, []string{}
	pages := ecr.NewListImagesPaginator(s.ECR(), &ecr.ListImagesInput{RepositoryName: &repo})
	for pages.HasMorePages() {
		page, err := pages.NextPage(v.t.Context())
		if err != nil {
			v.report("ListImages of %s: %v", repo, err)
			return
		}
		for _, id := range page.ImageIds {
			digests[aws.ToString(id.ImageDigest)] = true
			if id.ImageTag != nil {
				names = append(names, *id.ImageTag)
			}
		}
	}
	var all []string
	for digest := range digests {
		all = append(all, digest)
	}
	v.listed.Add(int64(len(all)))
	each(all, func(digest string) { v.complete(repo, digest) })
	each(names, func(tag string) {
		if _, ok := v.get(repo + "/manifests/" + tag); !ok {
			v.report("tag %s of %s is listed and leads nowhere", tag, repo)
		}
	})
}

// complete checks that a manifest and all that it names can be read.
func (v *verifier) complete(repo, digest string) {
	content, ok := v.manifest(repo, digest)
	if !ok {
		v.report("image %s of %s is listed and cannot be read", digest, repo)
		return
	}
	var m manifest
	if err := json.Unmarshal(content, &m); err != nil {
		v.report("image %s of %s: %v", digest, repo, err)
		return
	}
	for _, d := range append(m.Layers, m.Config) {
		if !v.readable(repo, d) {
			v.report("image %s of %s names blob %s, which cannot be read", digest, repo, d.Digest)
			continue
		}
		v.references.Add(1)
	}
}

func (v *verifier) manifest(repo, digest string) ([]byte, bool) {
	if content, ok := v.seen.Load(place{repo, digest}); ok {
		return content.([]byte), true
	}
	return v.get(repo + "/manifests/" + digest)
}

func (v *verifier) readable(repo string, d descriptor) bool {
	at := place{repo, d.Digest}
	if _, ok := v.seen.Load(at); ok {
		return true
	}
	content, ok := v.get(repo + "/blobs/" + d.Digest)
	if !ok || len(content) != d.Size || digestOf(content) != d.Digest {
		return false
	}
	v.seen.Store(at, []byte(nil))
	return true
}

// get reads what is at a path. A failure of the network is a failure of the
// test: the server is up while it is looked at.
func (v *verifier) get(path string) ([]byte, bool) {
	ctx, cancel := context.WithTimeout(v.t.Context(), requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+"/v2/"+path, nil)
	if err != nil {
		v.report("%s: %v", path, err)
		return nil, false
	}
	request.Header.Set("Accept", strings.Join([]string{manifestType, "*/*"}, ","))
	response, err := v.client.Do(request)
	if err != nil {
		v.report("%s: %v", path, err)
		return nil, false
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		v.report("%s: %v", path, err)
		return nil, false
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		v.report("%s answered %d %.200s", path, response.StatusCode, content)
	}
	return content, response.StatusCode == http.StatusOK
}
