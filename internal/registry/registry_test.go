package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRepositoryNames(t *testing.T) {
	for name, want := range map[string]bool{
		"web": true, "team/web": true, "a1": true, "a.b_c-d/e__f": true, "a--b": true, "0/1": true,
		strings.Repeat("a", 256): true,
		"":                       false, "a": false, strings.Repeat("a", 257): false, "Web": false, "web/": false, "/web": false,
		"a//b": false, "..": false, "a/../b": false, "a..b": false, "a___b": false, "-a": false, "a-": false, "a b": false,
		"a\x00b": false, "ä": false, "a\n": false,
	} {
		if got := ValidRepositoryName(name); got != want {
			t.Errorf("ValidRepositoryName(%q) = %v, want %v", name, got, want)
		}
	}
}

func TestTags(t *testing.T) {
	for tag, want := range map[string]bool{
		"latest": true, "1.0": true, "_x": true, "A-b.c_d": true, strings.Repeat("a", 128): true,
		"": false, strings.Repeat("a", 129): false, ".x": false, "-x": false, "a+b": false, "a:b": false, "a/b": false, "a\n": false,
	} {
		if got := ValidTag(tag); got != want {
			t.Errorf("ValidTag(%q) = %v, want %v", tag, got, want)
		}
	}
}

func TestDigests(t *testing.T) {
	hex64, hex128 := strings.Repeat("a1", 32), strings.Repeat("b2", 64)
	for digest, want := range map[string]bool{
		"sha256:" + hex64: true, "sha512:" + hex128: true,
		"": false, "sha256:": false, "sha256:baddigeststring": false, "sha256:" + hex128: false, "sha512:" + hex64: false,
		"md5:" + hex64: false, "sha256:" + strings.ToUpper(hex64): false, hex64: false, "sha256:" + hex64[:63] + "g": false,
	} {
		if got := ValidDigest(digest); got != want {
			t.Errorf("ValidDigest(%q) = %v, want %v", digest, got, want)
		}
	}
}

func TestARNs(t *testing.T) {
	scope := Scope{Account: "123456789012", Region: "us-west-2"}
	arn := scope.RepositoryARN("team/web")
	if account, name, ok := scope.RepositoryFromARN(arn); !ok || account != "123456789012" || name != "team/web" {
		t.Errorf("%s reads as %q, %q, %v", arn, account, name, ok)
	}
	for _, bad := range []string{
		"", "web", "arn:aws:ecr:us-west-2:123456789012:repository/", "arn:aws:ecr:us-west-2:12:repository/web",
		"arn:aws:ecr:eu-west-1:123456789012:repository/web", "arn:aws:s3:us-west-2:123456789012:repository/web",
		"arn:aws:ecr:us-west-2:123456789012:web", "arn:aws:ecr:us-west-2:123456789012:repository/We",
	} {
		if _, _, ok := scope.RepositoryFromARN(bad); ok {
			t.Errorf("%q is taken for a repository of %+v", bad, scope)
		}
	}
}

func TestTagMutability(t *testing.T) {
	filters := []string{"latest", "dev-*"}
	for _, c := range []struct {
		mode TagMutability
		tag  string
		want bool // immutable
	}{
		{Mutable, "v1", false}, {Immutable, "v1", true}, {Immutable, "latest", true},
		{ImmutableWithExclusion, "latest", false}, {ImmutableWithExclusion, "dev-1", false}, {ImmutableWithExclusion, "v1", true},
		{ImmutableWithExclusion, "latest2", true}, {ImmutableWithExclusion, "my-dev-1", true},
		{MutableWithExclusion, "latest", true}, {MutableWithExclusion, "dev-", true}, {MutableWithExclusion, "v1", false},
	} {
		r := Repository{TagMutability: c.mode, MutabilityFilters: filters}
		if got := r.TagIsImmutable(c.tag); got != c.want {
			t.Errorf("%s, %s: immutable = %v, want %v", c.mode, c.tag, got, c.want)
		}
	}
}

// TestScanFilters is the table of the ECR documentation.
func TestScanFilters(t *testing.T) {
	names := []string{"prod", "repo-prod", "prod-repo", "repo-prod-repo", "prodrepo"}
	for filter, want := range map[string]string{
		"prod": "YYYYY", "*prod": "YYNNN", "prod*": "YNYNY", "*prod*": "YYYYY", "prod*repo": "NNYNY", "*": "YYYYY",
	} {
		got := ""
		for _, name := range names {
			got += map[bool]string{true: "Y", false: "N"}[ScanFilterMatch(filter, name)]
		}
		if got != want {
			t.Errorf("filter %q on %v: %s, want %s", filter, names, got, want)
		}
	}
}

func TestScanFrequency(t *testing.T) {
	rule := func(f ScanFrequency, filters ...string) ScanRule { return ScanRule{Frequency: f, Filters: filters} }
	for _, c := range []struct {
		what    string
		config  ScanningConfiguration
		onPush  bool
		want    ScanFrequency
		filters []string
	}{
		{"no rules", ScanningConfiguration{Type: ScanBasic}, false, ScanManual, nil},
		{"the repository's own setting", ScanningConfiguration{Type: ScanBasic}, true, ScanOnPush, nil},
		{"a rule that matches", ScanningConfiguration{Type: ScanBasic, Rules: []ScanRule{rule(ScanOnPush, "x", "pr")}}, false, ScanOnPush, []string{"pr"}},
		{"a rule that does not", ScanningConfiguration{Type: ScanBasic, Rules: []ScanRule{rule(ScanOnPush, "x")}}, false, ScanManual, nil},
		{"both match", ScanningConfiguration{Type: ScanEnhanced, Rules: []ScanRule{rule(ScanOnPush, "*"), rule(ScanContinuous, "prod")}}, false, ScanContinuous, []string{"prod"}},
		{"enhanced ignores the repository's own", ScanningConfiguration{Type: ScanEnhanced, Rules: []ScanRule{rule(ScanOnPush, "x")}}, true, ScanManual, nil},
		{"enhanced without rules is for all", ScanningConfiguration{Type: ScanEnhanced}, false, ScanContinuous, nil},
	} {
		frequency, filters := c.config.FrequencyFor(&Repository{Name: "prod", ScanOnPush: c.onPush})
		if frequency != c.want || !slices.Equal(filters, c.filters) {
			t.Errorf("%s: %s %v, want %s %v", c.what, frequency, filters, c.want, c.filters)
		}
	}
}

// FuzzWildcard compares with a regular expression.
func FuzzWildcard(f *testing.F) {
	for _, seed := range [][2]string{{"*", ""}, {"a*b*c", "aXbYbc"}, {"**a**", "bab"}, {"", "a"}, {"a*a*a*a*b", "aaaaaaaaaaaa"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, s string) {
		expression := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*") + "$"
		compiled, err := regexp.Compile(expression)
		if err != nil || strings.ContainsRune(pattern+s, '\uFFFD') {
			t.Skip() // not UTF-8
		}
		if got, want := WildcardMatch(pattern, s), compiled.MatchString(s); got != want {
			t.Errorf("WildcardMatch(%q, %q) = %v, want %v", pattern, s, got, want)
		}
	})
}

// FuzzNames compares the quick look with the pattern of the
// documentation.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"web", "a/b", "a__b", "a--b", "a._b", "a//b", "-a", "a-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		want := len(name) >= 2 && len(name) <= MaxRepositoryName && repositoryName.MatchString(name)
		if got := ValidRepositoryName(name); got != want {
			t.Errorf("ValidRepositoryName(%q) = %v, want %v", name, got, want)
		}
		tag := regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
		if got, want := ValidTag(name), tag.MatchString(name); got != want {
			t.Errorf("ValidTag(%q) = %v, want %v", name, got, want)
		}
	})
}

func TestHostileWildcardEnds(t *testing.T) {
	started := time.Now()
	if WildcardMatch(strings.Repeat("*a", 64)+"b", strings.Repeat("a", 1<<14)) {
		t.Error("matches without its last letter")
	}
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("took %v: the matcher is not polynomial", took)
	}
}

const (
	config256 = `{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","size":2}`
	layer256  = `{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb","size":3}`
)

func TestManifestsThatAreAccepted(t *testing.T) {
	foreign := strings.Replace(layer256, `"size":3`, `"size":3,"urls":["https://example.com/x"]`, 1)
	for name, c := range map[string]struct {
		declared, payload string
		blobs, children   int
		artifact          string
	}{
		"OCI image":              {"", `{"schemaVersion":2,"mediaType":"` + MediaTypeOCIManifest + `","config":` + config256 + `,"layers":[` + layer256 + `]}`, 2, 0, "application/vnd.oci.image.config.v1+json"},
		"type only declared":     {MediaTypeOCIManifest, `{"schemaVersion":2,"config":` + config256 + `,"layers":[]}`, 1, 0, "application/vnd.oci.image.config.v1+json"},
		"declared with charset":  {MediaTypeOCIManifest + "; charset=utf-8", `{"schemaVersion":2,"config":` + config256 + `}`, 1, 0, "application/vnd.oci.image.config.v1+json"},
		"Docker schema 2":        {MediaTypeDockerManifest, `{"schemaVersion":2,"mediaType":"` + MediaTypeDockerManifest + `","config":` + config256 + `,"layers":[` + layer256 + `]}`, 2, 0, "application/vnd.oci.image.config.v1+json"},
		"layer twice":            {MediaTypeOCIManifest, `{"schemaVersion":2,"config":` + config256 + `,"layers":[` + layer256 + `,` + layer256 + `]}`, 2, 0, "application/vnd.oci.image.config.v1+json"},
		"layer from elsewhere":   {MediaTypeOCIManifest, `{"schemaVersion":2,"config":` + config256 + `,"layers":[` + foreign + `]}`, 1, 0, "application/vnd.oci.image.config.v1+json"},
		"artifact type":          {MediaTypeOCIManifest, `{"schemaVersion":2,"artifactType":"a/b","config":` + config256 + `,"layers":[` + layer256 + `]}`, 2, 0, "a/b"},
		"index":                  {MediaTypeOCIIndex, `{"schemaVersion":2,"manifests":[` + layer256 + `]}`, 0, 1, ""},
		"empty index":            {MediaTypeOCIIndex, `{"schemaVersion":2,"manifests":[]}`, 0, 0, ""},
		"unknown fields":         {MediaTypeOCIIndex, `{"schemaVersion":2,"manifests":[],"x":{"y":[1]}}`, 0, 0, ""},
		"ORAS artifact manifest": {MediaTypeORASArtifact, `{"artifactType":"a/b","blobs":[` + layer256 + `]}`, 1, 0, "a/b"},
	} {
		m, err := ParseManifest(c.declared, []byte(c.payload))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(m.Blobs()) != c.blobs || len(m.ChildDigests()) != c.children || m.ArtifactType != c.artifact {
			t.Errorf("%s: %d blobs, %d children, artifact type %q; want %d, %d, %q", name, len(m.Blobs()), len(m.ChildDigests()), m.ArtifactType, c.blobs, c.children, c.artifact)
		}
	}
}

func TestManifestsThatAreRefused(t *testing.T) {
	image := func(fields string) string { return `{"schemaVersion":2,` + fields + `}` }
	for name, c := range map[string]struct {
		declared, payload string
		code              Code
	}{
		"no JSON":              {MediaTypeOCIManifest, "{", CodeManifestInvalid},
		"empty":                {MediaTypeOCIManifest, "", CodeManifestInvalid},
		"two values":           {MediaTypeOCIManifest, image(`"config":`+config256) + "{}", CodeManifestInvalid},
		"not UTF-8":            {MediaTypeOCIManifest, image(`"config":` + config256 + `,"x":"` + "\xff" + `"`), CodeManifestInvalid},
		"no media type":        {"", image(`"config":` + config256), CodeManifestInvalid},
		"types disagree":       {MediaTypeDockerManifest, image(`"mediaType":"` + MediaTypeOCIManifest + `","config":` + config256), CodeManifestInvalid},
		"unknown type":         {"application/json", image(`"config":` + config256), CodeManifestInvalid},
		"schema 1":             {"application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`, CodeManifestInvalid},
		"wrong schema version": {MediaTypeOCIManifest, `{"schemaVersion":1,"config":` + config256 + `}`, CodeManifestInvalid},
		"no config":            {MediaTypeOCIManifest, image(`"layers":[]`), CodeManifestInvalid},
		"image and index":      {MediaTypeOCIManifest, image(`"config":` + config256 + `,"manifests":[` + layer256 + `]`), CodeManifestInvalid},
		"index with layers":    {MediaTypeOCIIndex, image(`"manifests":[],"layers":[` + layer256 + `]`), CodeManifestInvalid},
		"bad digest":           {MediaTypeOCIIndex, image(`"manifests":[{"digest":"sha256:x"}]`), CodeManifestInvalid},
		"negative size":        {MediaTypeOCIIndex, image(`"manifests":[` + strings.Replace(layer256, `"size":3`, `"size":-3`, 1) + `]`), CodeManifestInvalid},
		"bad subject":          {MediaTypeOCIIndex, image(`"manifests":[],"subject":{"digest":"../x"}`), CodeManifestInvalid},
		"deep nesting":         {MediaTypeOCIIndex, image(`"x":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20)), CodeManifestInvalid},
		"over 4 MiB":           {MediaTypeOCIIndex, image(`"x":"` + strings.Repeat("a", MaxManifestSize) + `"`), CodeManifestTooLarge},
	} {
		if _, err := ParseManifest(c.declared, []byte(c.payload)); CodeOf(err) != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// FuzzParseManifest: whatever is accepted names only digests that can be
// stored, and says so twice in the same way.
func FuzzParseManifest(f *testing.F) {
	f.Add(MediaTypeOCIManifest, []byte(`{"schemaVersion":2,"config":`+config256+`,"layers":[`+layer256+`]}`))
	f.Add(MediaTypeOCIIndex, []byte(`{"schemaVersion":2,"manifests":[`+layer256+`],"subject":`+layer256+`}`))
	f.Add("", []byte(`{"mediaType":7}`))
	f.Fuzz(func(t *testing.T, declared string, payload []byte) {
		m, err := ParseManifest(declared, payload)
		if err != nil {
			var coded *Error
			if !errors.As(err, &coded) {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		for _, d := range append(m.Blobs(), m.ChildDigests()...) {
			if !ValidDigest(d) {
				t.Fatalf("accepted the digest %q", d)
			}
		}
		if !json.Valid(payload) {
			t.Fatalf("accepted %q", payload)
		}
	})
}

func TestErrorsMatchOnTheirCode(t *testing.T) {
	err := fmt.Errorf("putting: %w", RepositoryNotFound("000000000000", "web"))
	if !errors.Is(err, &Error{Code: CodeRepositoryNotFound}) || errors.Is(err, &Error{Code: CodeImageNotFound}) {
		t.Error("errors.Is does not go by the code")
	}
	if CodeOf(nil) != "" || CodeOf(errors.New("x")) != CodeInternal || CodeOf(err) != CodeRepositoryNotFound {
		t.Error("CodeOf is wrong about nil, an uncoded or a coded error")
	}
	if text := Internal("reading", errors.New("secret path")).Message; strings.Contains(text, "secret") {
		t.Errorf("the text for clients holds the cause: %q", text)
	}
}

// TestTexts pins what scripts grep for.
func TestTexts(t *testing.T) {
	for want, err := range map[string]*Error{
		"The repository with name 'r1' does not exist in the registry with id '012345678901'":                                                                                  RepositoryNotFound("012345678901", "r1"),
		"The repository with name 'r1' already exists in the registry with id '012345678901'":                                                                                  RepositoryAlreadyExists("012345678901", "r1"),
		"The image with imageId {imageDigest:'null', imageTag:'v1'} does not exist within the repository with name 'r1' in the registry with id '012345678901'":                ImageNotFound("012345678901", "r1", ImageID{Tag: "v1"}),
		"The image tag 'v1' already exists in the 'r1' repository and cannot be overwritten because the tag is immutable.":                                                     ImageTagAlreadyExists("r1", "v1"),
		"Layers with digests '[a, b]' required for pushing image into repository with name 'r1' in the registry with id '012345678901' do not exist":                           LayersNotFound("012345678901", "r1", []string{"a", "b"}),
		"Image scan does not exist for the image with '{imageDigest:'d', imageTag:'null'}' in the repository with name 'r1' in the registry with id '012345678901'":            ScanNotFound("012345678901", "r1", ImageID{Digest: "d"}),
		"Adding tag 'v1' to an image in the repository with name 'r1' in registry with id '012345678901' exceeds the maximum allowed number of tags per image which is '1000'": TooManyTagsOnImage("012345678901", "r1", "v1", 1000),
		"The repository with name 'r1' in registry with id '012345678901' cannot be deleted because it still contains images":                                                  RepositoryNotEmpty("012345678901", "r1"),
	} {
		if err.Message != want {
			t.Errorf("text is\n%s\nwant\n%s", err.Message, want)
		}
	}
}

func BenchmarkParseManifest(b *testing.B) {
	payload := []byte(`{"schemaVersion":2,"mediaType":"` + MediaTypeOCIManifest + `","config":` + config256 + `,"layers":[` + layer256 + `,` + layer256 + `,` + layer256 + `]}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseManifest(MediaTypeOCIManifest, payload); err != nil {
			b.Fatal(err)
		}
	}
}
