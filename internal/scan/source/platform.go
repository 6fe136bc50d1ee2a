package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/ecru-registry/ecru/internal/registry"
)

// platform is what an image runs on.
type platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant"`
}

func (p platform) String() string {
	if p.OS == "" {
		return ""
	}
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

func parsePlatform(text string) (platform, error) {
	parts := strings.Split(text, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return platform{}, fmt.Errorf("%q is no platform such as linux/amd64 or linux/arm/v7", text)
	}
	p := platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// satisfies: a variant that was not asked for does not matter, and v8 is what
// arm64 is.
func (p platform) satisfies(want platform) bool {
	if p.OS != want.OS || p.Architecture != want.Architecture {
		return false
	}
	plain := func(q platform) string {
		if q.Architecture == "arm64" && q.Variant == "v8" {
			return ""
		}
		return q.Variant
	}
	return plain(want) == "" || plain(p) == plain(want)
}

// child is one entry of an index.
type child struct {
	registry.Descriptor
	Platform *platform `json:"platform"`
}

func (c *child) platform() string {
	if c.Platform == nil || c.Platform.OS == "unknown" {
		return ""
	}
	return c.Platform.String()
}

// attestation: what docker buildx puts beside the images of an index is about
// them, and no image.
func (c *child) attestation() bool {
	return c.Annotations["vnd.docker.reference.type"] != "" || c.Platform != nil && c.Platform.OS == "unknown"
}

// parseIndex reads the children of an index that could be images.
func parseIndex(payload []byte, mediaType string) ([]child, error) {
	if _, err := registry.ParseManifest(mediaType, payload); err != nil {
		return nil, err
	}
	var index struct {
		Manifests []child `json:"manifests"`
	}
	if err := json.Unmarshal(payload, &index); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(index.Manifests, func(c child) bool { return c.attestation() }), nil
}

var errNoImages = errors.New("the index lists no images")

// choose picks the images of an index that are wanted.
func (r *reader) choose(children []child) ([]child, error) {
	switch {
	case len(children) == 0:
		return nil, errNoImages
	case r.AllPlatforms:
		return children, nil
	}
	want := platform{OS: "linux", Architecture: runtime.GOARCH}
	if r.Platform != "" {
		want, _ = parsePlatform(r.Platform) // Read has checked it
	}
	for _, c := range children {
		if c.Platform != nil && c.Platform.satisfies(want) {
			return []child{c}, nil
		}
	}
	if len(children) == 1 && (r.Platform == "" || children[0].platform() == "") {
		return children, nil
	}
	if r.Platform == "" {
		return nil, fmt.Errorf("it is for several platforms (%s), none of them %s: pick one with --platform", platforms(children), want)
	}
	return nil, fmt.Errorf("it is not there for %s, but for %s", r.Platform, platforms(children))
}

func platforms(children []child) string {
	var names []string
	for _, c := range children {
		name := c.platform()
		if name == "" {
			name = c.Digest
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
