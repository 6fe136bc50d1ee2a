package inventory

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"strings"
	"testing"
)

// fuzzLanguage calls a parser of language files without the net that extract puts below it. What it finds beside an
// error counts as well.
func fuzzLanguage(f *testing.F, path string, parse func(*input) ([]Package, error)) {
	f.Fuzz(func(t *testing.T, data []byte) {
		in := languageInput(path, string(data))
		in.lim = fuzzLimits().withDefaults()
		in.lim.ArchiveBytes = 4 << 20
		in.left = newLanguageBudget(in.lim)
		in.spool = &spool{dir: os.TempDir()}
		packages, _ := parse(in)
		in.spool.release()
		for _, p := range packages {
			if p.Name == "" || p.Version == "" || p.SourceName != p.Name || p.SourceVersion != p.Version || p.Kind == "" {
				t.Fatalf("incomplete package %+v", p)
			}
			if strings.ContainsAny(p.Name+p.Version, " \n\x00") && p.Kind == KindMaven || len(p.Path) > in.lim.PathLength {
				t.Fatalf("a strange package %+v", p)
			}
		}
	})
}

func FuzzJar(f *testing.F) {
	inside := zipOf(f, pom("g", "b", "2"))
	for _, seed := range []string{
		zipOf(f, pom("g", "a", "1")), zipOf(f, manifest("Implementation-Title: x", "Implementation-Version: 1.0", "Implementation-Vendor-Id: org.x")),
		zipOf(f, zipped{name: "lib/b.jar", body: inside}, zipped{name: "lib/c.war", body: inside, stored: true}),
		"#!/bin/sh\n" + inside, zip64Of(inside), overlapping(inside, 3), directoryOf(3, func(int) string { return "a.jar" }),
		zipOf(f, zipped{name: "META-INF/maven/g/a/pom.xml", body: "<project><groupId>g</groupId><artifactId>a</artifactId><version>${x}</version><properties><x>1</x></properties></project>"}),
	} {
		f.Add([]byte(seed))
	}
	fuzzLanguage(f, "lib/name-1.0.jar", parseJava)
}

func FuzzPomXML(f *testing.F) {
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><project><parent><groupId>g</groupId><version>${v}</version></parent><artifactId>${project.artifactId}</artifactId><properties><v>1</v></properties></project>`))
	f.Add([]byte(`<project><groupId>&amp;&x;</groupId><![CDATA[x]]><!-- y --><artifactId>a`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parsePomXML(bytes.NewReader(data))
		checkCoordinates(t, c)
		if err != nil && c != (coordinates{}) {
			t.Fatalf("coordinates beside an error: %+v", c)
		}
	})
}

func FuzzPomProperties(f *testing.F) {
	f.Add([]byte("#x\ngroupId=g\r\nartifactId: a\nversion=1\\u002e2\n"))
	f.Fuzz(func(t *testing.T, data []byte) { checkCoordinates(t, parsePomProperties(data)) })
}

func FuzzManifest(f *testing.F) {
	f.Add("spring-core-5.3.17.jar", []byte("Manifest-Version: 1.0\r\nImplementation-Title: org.x#y;1\r\nImplementation-Version: 1.2 (build 3)\r\nBundle-SymbolicName: org.x.y\r\n .z;a:=b\r\n\r\nName: x\r\n"))
	f.Add("org.yaml.snakeyaml_1.30.jar", []byte("Group-Id: g.h\nShort-Name: s\nPlugin-Version: 2"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		m := parseManifest(data)
		checkCoordinates(t, identify(parseArchiveName(name), &m))
	})
}

func checkCoordinates(t *testing.T, c coordinates) {
	for _, s := range []string{c.group, c.artifact, c.version} {
		if s != coordinate(s) {
			t.Fatalf("%q is no coordinate: %+v", s, c)
		}
	}
}

func FuzzProgram(f *testing.F) {
	modules := "path\tx\nmod\texample.com/app\tv1.0.0\ndep\texample.com/a\tv1.0.0\n=>\texample.com/b\tv1.1.0\th1:x=\nbuild\t-ldflags=\"-X main.version=1.2.3\"\n"
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		f.Add(elfOf(true, order, section{name: goBuildInfoSection, body: goSection("go1.22.3", modules)}))
		f.Add(elfOf(false, order, section{name: rustAuditSection, body: deflated(f, rustList)}))
	}
	f.Add(append(make([]byte, 64), goSection("go1.22.3", modules)...))
	fuzzLanguage(f, "app", parseBinary)
}

func FuzzGoBuildInformation(f *testing.F) {
	f.Add("go1.22.3", "path\tx\nmod\tx\tv1\ndep\ty\tv1\n=>\tz\tv2\th1:x=\n")
	f.Add("devel go1.23-abc x", "build\t-ldflags=-X main.version=1.0.0\n")
	f.Fuzz(func(t *testing.T, version, modules string) {
		packages, err := goPackages(languageInput("app", ""), goBuildInfo{version: version, modules: modules})
		for _, p := range packages {
			if p.Name == "" || p.Version == "" {
				t.Fatalf("incomplete package %+v, %v", p, err)
			}
		}
	})
}

func FuzzRustList(f *testing.F) {
	f.Add([]byte(rustList))
	f.Add([]byte(`{"format":[{"x":1}],"packages":[{"name":"a"},{"version":"1","dependencies":[0,1]}]}`))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_ = readRustList(&io.LimitedReader{R: bytes.NewReader(data), N: 1 << 20}, func(*rustCrate) error { return nil })
	})
}

// FuzzZipFields changes numbers in archives that are otherwise whole: changed bytes alone rarely get past the signatures.
func FuzzZipFields(f *testing.F) {
	inside := zipOf(f, pom("g", "b", "2"))
	archives := []string{
		zipOf(f, pom("g", "a", "1"), manifest("Implementation-Version: 1"), zipped{name: "b.jar", body: inside, stored: true}, zipped{name: "c.jar", body: inside}), zip64Of(inside),
	}
	f.Add(uint8(0), uint16(22), uint32(0xffffffff), uint16(10), uint32(7))
	f.Add(uint8(1), uint16(0), uint32(1), uint16(70), uint32(1<<31))
	f.Fuzz(func(t *testing.T, which uint8, at uint16, value uint32, at2 uint16, value2 uint32) {
		body := []byte(archives[int(which)%len(archives)])
		patch(body, len(body)-4-int(at)%(len(body)-4), value)
		patch(body, len(body)-4-int(at2)%(len(body)-4), value2)
		in := languageInput("x.jar", string(body))
		in.lim.ArchiveBytes = 1 << 20
		in.left = newLanguageBudget(in.lim)
		_, _ = parseJava(in)
	})
}

// FuzzELFFields does so with a program of Go and Rust at once.
func FuzzELFFields(f *testing.F) {
	programs := [][]byte{
		elfOf(true, binary.LittleEndian, section{name: goBuildInfoSection, body: goSection("go1.22.3", "mod\tx\tv1\n")}, section{name: rustAuditSection, body: deflated(f, rustList)}),
		elfOf(false, binary.BigEndian, section{name: goBuildInfoSection, body: append([]byte(goBuildInfoMagic), make([]byte, 18)...), addr: 0x1000}, section{name: ".data", body: make([]byte, 64), addr: 0x2000}),
	}
	f.Add(uint8(0), uint16(0x28), uint32(0), uint16(0x3c), uint32(9))
	f.Add(uint8(1), uint16(0x4e), uint32(4), uint16(0x50), uint32(0x2000))
	f.Fuzz(func(t *testing.T, which uint8, at uint16, value uint32, at2 uint16, value2 uint32) {
		body := bytes.Clone(programs[int(which)%len(programs)])
		patch(body, int(at)%(len(body)-4), value)
		patch(body, int(at2)%(len(body)-4), value2)
		_, _ = parseBinary(languageInput("app", string(body)))
	})
}

func patch(body []byte, at int, value uint32) { binary.LittleEndian.PutUint32(body[at:], value) }
