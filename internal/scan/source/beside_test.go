package source_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	fakeregistry "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/ecru-registry/ecru/internal/scan/source"
)

// TestDocumentsBesideAnImageAreReadOnRequest: by the referrers API, and from the
// tag that stands for it in older registries.
func TestDocumentsBesideAnImageAreReadOnRequest(t *testing.T) {
	for name, support := range map[string]bool{"API": true, "tag": false} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(fakeregistry.New(fakeregistry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)), fakeregistry.WithReferrersSupport(support)))
			t.Cleanup(s.Close)
			repository := strings.TrimPrefix(s.URL, "http://") + "/team/app"
			image, err := random.Image(100, 1)
			if err != nil {
				t.Fatal(err)
			}
			push(t, repository+":v1", image)
			beside := func(artifactType types.MediaType, text string) v1.Image {
				subject, err := image.Digest()
				if err != nil {
					t.Fatal(err)
				}
				artifact, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer([]byte(text), artifactType))
				if err != nil {
					t.Fatal(err)
				}
				artifact = mutate.ConfigMediaType(artifact, artifactType)
				return mutate.Subject(artifact, v1.Descriptor{MediaType: types.OCIManifestSchema1, Digest: subject, Size: 1}).(v1.Image)
			}
			wanted, other := beside("application/vnd.openvex+json", `{"a":1}`), beside("application/x-signature", "no")
			push(t, repository+":vex", wanted)
			push(t, repository+":signature", other)
			options := source.Options{Beside: func(artifactType string) bool { return artifactType == "application/vnd.openvex+json" }}
			digest, err := wanted.Digest()
			if err != nil {
				t.Fatal(err)
			}
			got := read(t, repository+":v1", options).Beside
			if len(got) != 1 || got[0].Reference != repository+"@"+digest.String() || string(got[0].Content) != `{"a":1}` {
				t.Errorf("beside the image: %+v", got)
			}
			if got := read(t, repository+":v1", source.Options{}).Beside; got != nil {
				t.Errorf("nobody asked for %+v", got)
			}
		})
	}
}
