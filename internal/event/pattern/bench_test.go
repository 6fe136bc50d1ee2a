package pattern

import (
	"strings"
	"testing"
)

const imageAction = `{"version":"0","id":"13cde686-328b-6117-af20-0e5566167482","detail-type":"ECR Image Action","source":"aws.ecr",
"account":"123456789012","time":"2019-11-16T01:54:34Z","region":"us-west-2","resources":[],
"detail":{"result":"SUCCESS","repository-name":"team/web","image-digest":"sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd1234cdef","action-type":"PUSH","image-tag":"v1.4.2",
"manifest-media-type":"application/vnd.oci.image.manifest.v1+json","artifact-media-type":"application/vnd.oci.image.config.v1+json"}}`

// realisticPatterns are rules as a registry with several teams has them.
func realisticPatterns() []string {
	return []string{
		`{"source":["aws.ecr"]}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Image Action"]}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"],"result":["SUCCESS"]}}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"],"result":["SUCCESS"],"repository-name":["team/web"]}}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["PUSH"],"repository-name":["team/api"]}}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"repository-name":[{"prefix":"team/"}],"image-tag":[{"prefix":"v"}]}}`,
		`{"source":["aws.ecr"],"detail":{"image-tag":[{"anything-but":["latest","dev"]}],"action-type":["PUSH"]}}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Image Action"],"detail":{"action-type":["DELETE"]}}`,
		`{"source":["aws.ecr"],"detail":{"repository-name":[{"wildcard":"*/web"}]}}`,
		`{"account":["123456789012"],"region":[{"prefix":"us-"}],"source":[{"prefix":"aws."}]}`,
		`{"detail":{"image-tag":[{"exists":true}]}}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Image Scan"],"detail":{"scan-status":["COMPLETE"],"finding-severity-counts":{"CRITICAL":[{"numeric":[">",0]}]}}}`,
		`{"source":["aws.ecr"],"$or":[{"detail":{"action-type":["DELETE"]}},{"detail":{"image-tag":[{"suffix":".2"}]}}]}`,
		`{"source":["aws.inspector2"],"detail-type":["Inspector2 Finding"],"detail":{"severity":["CRITICAL","HIGH"],"status":["ACTIVE"]}}`,
		`{"source":["aws.ecr"],"detail":{"result":[{"equals-ignore-case":"success"}]}}`,
		`{"source":["aws.ecr"],"detail":{"target-storage-class":[{"exists":false}],"action-type":["PUSH","DELETE"]}}`,
		`{"source":["aws.ecr"],"detail":{"manifest-media-type":["application/vnd.oci.image.manifest.v1+json"],"artifact-media-type":[{"anything-but":{"suffix":"sbom+json"}}]}}`,
		`{"source":["aws.ecr"],"resources":[{"prefix":"arn:aws:ecr:"}]}`,
		`{"time":[{"prefix":"2019-11-"}]}`,
		`{"source":["aws.ecr"],"detail-type":["ECR Pull Through Cache Action","ECR Replication Action"],"detail":{"sync-status":["FAILED"]}}`,
	}
}

// BenchmarkDecodeAndMatch20 is what one event costs.
func BenchmarkDecodeAndMatch20(b *testing.B) {
	patterns := benchPatterns(b)
	event := []byte(imageAction)
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := Decode(event)
		if err != nil {
			b.Fatal(err)
		}
		for _, p := range patterns {
			p.Match(v)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	event := []byte(imageAction)
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Decode(event); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMatch20(b *testing.B) {
	patterns := benchPatterns(b)
	v, err := Decode([]byte(imageAction))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range patterns {
			p.Match(v)
		}
	}
}

// BenchmarkMatchLargest is the largest event and a pattern that looks at all
// of it.
func BenchmarkMatchLargest(b *testing.B) {
	p := compiled(b, `{"d":{"a":["x"],"b":[{"exists":false}],"c":[{"numeric":[">",5]}]}}`)
	v, err := Decode([]byte(`{"d":[` + strings.Repeat(`{"a":"x","b":"y","c":6},{"a":"x","c":4.25},`, 5800) + `1]}`))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if p.Match(v) {
			b.Fatal("it matches")
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	patterns := realisticPatterns()
	b.ReportAllocs()
	for b.Loop() {
		for _, text := range patterns {
			if _, err := Compile(text); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func benchPatterns(b *testing.B) []*Pattern {
	var patterns []*Pattern
	for _, text := range realisticPatterns() {
		patterns = append(patterns, compiled(b, text))
	}
	return patterns
}
