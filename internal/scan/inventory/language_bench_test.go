package inventory

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// applicationLayer is what an image of an application brings: trees of npm and Python packages with their sources, gems,
// Composer's list and a .NET program. It is the same at every call.
func applicationLayer(t testing.TB, packages int) []byte {
	t.Helper()
	var out bytes.Buffer
	z, _ := gzip.NewWriterLevel(&out, gzip.DefaultCompression)
	a := &appWriter{t: t, w: tar.NewWriter(z), rng: rand.New(rand.NewPCG(3, 4))}
	a.makeWords()
	for i := range packages {
		a.npm(i)
		if i%10 == 0 {
			a.python(i / 10)
			a.gem(i / 10)
		}
	}
	a.lists(packages / 20)
	if err := a.w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type appWriter struct {
	t    testing.TB
	w    *tar.Writer
	rng  *rand.Rand
	text []byte
}

func (a *appWriter) makeWords() {
	words := make([]string, 5000)
	for i := range words {
		words[i] = fmt.Sprintf("%x", a.rng.Uint64N(1<<(8+a.rng.Uint64N(32))))
	}
	for len(a.text) < 1<<20 {
		a.text = append(append(a.text, words[a.rng.IntN(len(words))]...), " \n.(;"[a.rng.IntN(5)])
	}
}

func (a *appWriter) prose(size int) string {
	at := a.rng.IntN(len(a.text) - size)
	return string(a.text[at : at+size])
}

func (a *appWriter) put(path, body string) {
	if err := a.w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(body)), Typeflag: tar.TypeReg}); err != nil {
		a.t.Fatal(err)
	}
	if _, err := a.w.Write([]byte(body)); err != nil {
		a.t.Fatal(err)
	}
}

func (a *appWriter) npm(i int) {
	name := fmt.Sprintf("package-%d", i)
	if i%5 == 0 {
		name = "@scope-" + fmt.Sprint(i%50) + "/" + name
	}
	dir := "usr/src/app/node_modules/" + name
	var deps strings.Builder
	for d := range a.rng.IntN(30) {
		fmt.Fprintf(&deps, "    %q: \"^%d.%d.0\",\n", fmt.Sprintf("package-%d", i+d), d, i%10)
	}
	a.put(dir+"/package.json", fmt.Sprintf("{\n  \"name\": %q,\n  \"version\": \"%d.%d.%d\",\n  \"description\": %q,\n  \"dependencies\": {\n%s    \"x\": \"1\"\n  },\n  \"scripts\": {\"test\": \"jest\"}\n}\n",
		name, i%30, i%7, i%11, a.prose(200), deps.String()))
	if i%4 == 0 {
		a.put(dir+"/esm/package.json", "{\n  \"type\": \"module\"\n}\n")
	}
	for f := range 5 {
		a.put(fmt.Sprintf("%s/lib/file-%d.js", dir, f), a.prose(300+a.rng.IntN(6000)))
	}
}

func (a *appWriter) python(i int) {
	site := "usr/local/lib/python3.12/site-packages/"
	a.put(fmt.Sprintf("%sdist_%d-1.%d.0.dist-info/METADATA", site, i, i%9), fmt.Sprintf("Metadata-Version: 2.1\nName: dist-%d\nVersion: 1.%d.0\nSummary: %s\n\n%s", i, i%9, "x", a.prose(8000)))
	a.put(fmt.Sprintf("%sdist_%d-1.%d.0.dist-info/RECORD", site, i, i%9), a.prose(4000))
	for f := range 12 {
		a.put(fmt.Sprintf("%sdist_%d/module_%d.py", site, i, f), a.prose(500+a.rng.IntN(12000)))
	}
}

func (a *appWriter) gem(i int) {
	name, version := fmt.Sprintf("gem-%d", i), fmt.Sprintf("2.%d", i%9)
	a.put("usr/local/bundle/specifications/"+name+"-"+version+".gemspec", "# -*- encoding: utf-8 -*-\n# stub: "+name+" "+version+" ruby lib\n\nGem::Specification.new do |s|\n"+
		"  s.name = \""+name+"\".freeze\n  s.version = \""+version+"\"\n"+a.prose(1500)+"end\n")
}

func (a *appWriter) lists(n int) {
	var php, targets, libraries strings.Builder
	for i := range n {
		fmt.Fprintf(&php, "{\"name\": \"vendor/library-%d\", \"version\": \"v%d.1.0\", \"description\": %q, \"require\": {\"php\": \">=8\"}},\n", i, i%9, a.prose(900))
		fmt.Fprintf(&targets, "\"Library.%d/%d.0.0\": {\"runtime\": {\"lib/net8.0/Library.%d.dll\": {}}},\n", i, i%9, i)
		fmt.Fprintf(&libraries, "\"Library.%d/%d.0.0\": {\"type\": \"package\", \"sha512\": %q},\n", i, i%9, a.prose(88))
	}
	a.put("var/www/vendor/composer/installed.json", "{\"packages\": [\n"+php.String()+"{\"name\":\"a/b\",\"version\":\"1\"}], \"dev\": false}")
	a.put("srv/App.deps.json", "{\"runtimeTarget\": {\"name\": \"net8\"}, \"targets\": {\"net8\": {"+targets.String()+"\"App/1.0.0\": {}}}, \"libraries\": {"+libraries.String()+"\"App/1.0.0\": {\"type\": \"project\"}}}")
}

// BenchmarkReadApplication: the goal is 1.2 times the CPU of inflating, with tens of thousands of language files.
func BenchmarkReadApplication(b *testing.B) {
	for _, packages := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(packages), func(b *testing.B) { compareWithInflating(b, applicationLayer(b, packages)) })
	}
}

// BenchmarkMergeApplication is a scan of an application's image whose seven layers are known: base, runtime, its packages,
// and small ones above.
func BenchmarkMergeApplication(b *testing.B) {
	for _, packages := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(packages), func(b *testing.B) {
			layers := [][]byte{tarOf(b, file("etc/os-release", "ID=debian\nVERSION_ID=12\n"), file(status, dpkg("a 1", "b 1")), dpkgList("a", "/usr/bin/a", "/usr/lib/b")), applicationLayer(b, packages)}
			for i := range 5 {
				layers = append(layers, tarOf(b, file(fmt.Sprintf("usr/src/app/src/file-%d.js", i), "x"), whiteout("tmp/.wh.x"), npmFile("usr/src/app/node_modules/extra", "extra", fmt.Sprint(i))))
			}
			var stored [][]byte
			size := 0
			for _, l := range layers {
				data, err := readLayer(b, l).MarshalBinary()
				if err != nil {
					b.Fatal(err)
				}
				stored = append(stored, data)
				size += len(data)
			}
			b.ReportAllocs()
			for b.Loop() {
				all := make([]Layer, len(stored))
				for i, data := range stored {
					r := new(LayerRecord)
					if err := r.UnmarshalBinary(data); err != nil {
						b.Fatal(err)
					}
					all[i] = Layer{fmt.Sprint(i), r}
				}
				if inv := merge(b, all...); len(inv.Packages) < packages {
					b.Fatal("packages are missing")
				}
			}
			b.ReportMetric(float64(size), "B/records")
		})
	}
}
