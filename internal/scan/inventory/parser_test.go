package inventory

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func packagesIn(t *testing.T, path, body string) []Package {
	t.Helper()
	f := extractBytes(path, []byte(body))
	if f.Problem != nil {
		t.Fatal(f.Problem)
	}
	return f.Packages
}

func TestDpkgFields(t *testing.T) {
	body := `Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Maintainer: GNU Libc <a@b>
Source: glibc (2.36-9+deb12u9)
Version: 1:2.36-9+deb12u9+b1
Depends: ` + strings.Repeat("x, ", 40_000) + `
Description: C library
 continued: here
 .

Package: held
Status: hold ok installed
Version: 2.0

Package: unpacked
Status: install ok unpacked
Version: 1-2-3
Source: src

Package: removed
Status: deinstall ok config-files
Version: 1

Package: never
Status: unknown ok not-installed

Package: nostatus
Version: 1
`
	want := []Package{
		{Name: "held", Version: "2.0", SourceName: "held", SourceVersion: "2.0"},
		{Name: "libc6", Version: "1:2.36-9+deb12u9+b1", Epoch: 1, Release: "9+deb12u9+b1", Arch: "amd64", SourceName: "glibc", SourceVersion: "2.36-9+deb12u9", Maintainer: "GNU Libc <a@b>"},
		{Name: "unpacked", Version: "1-2-3", Release: "3", SourceName: "src", SourceVersion: "1-2-3"},
	}
	for i := range want {
		want[i].Kind, want[i].Path = KindDeb, status
	}
	for _, text := range []string{body, strings.ReplaceAll(body, "\n", "\r\n"), "\n\n" + body + "\n\n"} {
		if got := packagesIn(t, status, text); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestDpkgStatusDir(t *testing.T) {
	if got := packagesIn(t, statusDir+"base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64"); len(got) != 1 || got[0].Version != "12.4" {
		t.Errorf("got %+v", got)
	}
	for path, want := range map[string]bool{
		statusDir + "libssl3": true, statusDir + "libssl3.md5sums": false, statusDir + "a/b": false, "var/lib/dpkg/status-old": false, "usr/" + status: false,
	} {
		if wantsDpkg(path) != want {
			t.Errorf("wantsDpkg(%q) = %v", path, !want)
		}
	}
}

func TestBrokenText(t *testing.T) {
	for _, test := range []struct{ name, path, body, want string }{
		{"dpkg no field", status, "Package: a\nwhat\n", "line 2: no field"},
		{"dpkg no version", status, "Package: a\nStatus: install ok installed\n", `package "a" has no version`},
		{"dpkg source", status, "Package: a\nStatus: install ok installed\nVersion: 1\nSource: (1)\n", "invalid source"},
		{"dpkg long", status, "Package: " + strings.Repeat("a", 70_000) + "\n", "too long"},
		{"dpkg binary", status, "Package: a\x00b\n", "no text"},
		{"apk no field", "lib/apk/db/installed", "P:a\nV:1\nwhat\n", "line 3"},
		{"apk no version", "lib/apk/db/installed", "P:a\n\nP:b\nV:1\n", "no name or no version"},
		{"apk no name", "lib/apk/db/installed", "V:1\n", "no name or no version"},
		{"apk long", "lib/apk/db/installed", "P:" + strings.Repeat("a", 70_000) + "\n", "too long"},
		{"apk field", "lib/apk/db/installed", "V:1\nP:" + strings.Repeat("a", 5000) + "\n", "longer than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := extractBytes(test.path, []byte(test.body))
			if f.Problem == nil || f.Problem.Reason != ReasonDatabase || !strings.Contains(f.Problem.Error(), test.want) || !strings.HasPrefix(f.Problem.Error(), test.path) {
				t.Errorf("got %v, want %q", f.Problem, test.want)
			}
			if len(f.Packages) > 0 {
				t.Errorf("packages beside a problem: %+v", f.Packages)
			}
		})
	}
}

func TestAPKFields(t *testing.T) {
	body := "C:Q1xxx\nP:libcrypto3\nV:3.3.2-r0\nA:x86_64\nS:1\nI:2\nT:Crypto library\no:openssl\nm:A B <a@b>\nD:so:libc.musl\nF:usr/lib\nR:libcrypto.so.3\na:0:0:755\nZ:Q1y=\n\n" +
		"P:own\nV:1_git2024-r10"
	want := []Package{
		{Name: "libcrypto3", Version: "3.3.2-r0", Release: "r0", Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.3.2-r0", Maintainer: "A B <a@b>"},
		{Name: "own", Version: "1_git2024-r10", Release: "r10", SourceName: "own", SourceVersion: "1_git2024-r10"},
	}
	for _, path := range []string{"lib/apk/db/installed", "usr/lib/apk/db/installed", "var/lib/apk/db/installed"} {
		for i := range want {
			want[i].Kind, want[i].Path = KindAPK, path
		}
		if got := packagesIn(t, path, body); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestUpstream(t *testing.T) {
	for _, test := range []struct {
		p    Package
		want string
	}{
		{Package{Kind: KindDeb, Version: "1:2.36-9+deb12u9", Release: "9+deb12u9"}, "2.36"},
		{Package{Kind: KindDeb, Version: "2.0"}, "2.0"},
		{Package{Kind: KindRPM, Version: "1:3.0.7-6.el9", Release: "6.el9"}, "3.0.7"},
		{Package{Kind: KindAPK, Version: "3.3.2-r0", Release: "r0"}, "3.3.2"},
	} {
		if got := test.p.Upstream(); got != test.want {
			t.Errorf("%s: %q", test.p.Version, got)
		}
	}
}

func TestSourceRPM(t *testing.T) {
	for file, want := range map[string]string{
		"openssl-3.0.7-6.el9_2.src.rpm": "openssl 3.0.7-6.el9_2", "java-1.8.0-openjdk-1.8.0.362.b09-2.el8.src.rpm": "java-1.8.0-openjdk 1.8.0.362.b09-2.el8",
		"fw-1-2.nosrc.rpm": "fw 1-2", "": " ", "x": " ", "-1-2.src.rpm": " ", "a-1.src.rpm": " ",
	} {
		name, version := splitSourceRPM(file)
		if got := name + " " + version; got != want {
			t.Errorf("%q: %q, want %q", file, got, want)
		}
	}
}

func TestOSRelease(t *testing.T) {
	got := parseOSRelease("# comment\nNAME=\"Amazon Linux\"\nID=\"amzn\"\nID_LIKE=\"centos rhel fedora\"\n VERSION_ID='2023' \nPRETTY_NAME=\"a \\\"b\\\" \\$c \\x\"\n" +
		"CPE_NAME=cpe:2.3:o:amazon\nSUPPORT_END=\"2029-06-30\"\nVERSION_CODENAME=\nnonsense\n=x\nHOME_URL=" + strings.Repeat("x", 5000))
	want := OSRelease{ID: "amzn", VersionID: "2023", Name: "Amazon Linux", PrettyName: `a "b" $c \x`, IDLike: []string{"centos", "rhel", "fedora"},
		CPEName: "cpe:2.3:o:amazon", SupportEnd: "2029-06-30"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, text := range []string{"", "ID", "ID=\"", "ID='a\"", "\x00\xff=\xff", "ID=\xff"} {
		_ = fmt.Sprint(parseOSRelease(text))
	}
}

// TestModularity builds a header by hand, since none of the real databases has modules.
func TestModularity(t *testing.T) {
	p, err := parseRPMHeader(rpmHeaderOf(map[uint32]string{
		tagName: "nodejs", tagVersion: "18.20.2", tagRelease: "1.module", tagArch: "x86_64", tagSourceRPM: "nodejs-18.20.2-1.module.src.rpm",
		tagModularityLabel: "nodejs:18:8080020230718:63b34585", tagVendor: "(none)",
	}, 1), interner{}, newOwning())
	want := Package{Name: "nodejs", Version: "1:18.20.2-1.module", Epoch: 1, Release: "1.module", Arch: "x86_64", SourceName: "nodejs", SourceVersion: "18.20.2-1.module",
		Module: "nodejs:18:8080020230718:63b34585"}
	if err != nil || p != want {
		t.Errorf("got %+v, %v\nwant %+v", p, err, want)
	}
}

func TestRPMManifest(t *testing.T) {
	const path = "var/lib/rpmmanifest/container-manifest-2"
	body := "openssl-libs\t3.3.5-4.azl3\t1700000000\t1690000000\tMicrosoft Corporation\t(none)\t100\tx86_64\t0\topenssl-3.3.5-4.azl3.src.rpm\n" +
		"filesystem\t1.1-2\t1\t1\t(none)\t3\t1\tnoarch\t3\t(none)\n"
	want := []Package{
		{Kind: KindRPM, Path: path, Name: "filesystem", Version: "3:1.1-2", Epoch: 3, Release: "2", Arch: "noarch", SourceName: "filesystem", SourceVersion: "1.1-2"},
		{Kind: KindRPM, Path: path, Name: "openssl-libs", Version: "3.3.5-4.azl3", Release: "4.azl3", Arch: "x86_64", SourceName: "openssl", SourceVersion: "3.3.5-4.azl3",
			Maintainer: "Microsoft Corporation"},
	}
	if got := packagesIn(t, path, body); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if f := extractBytes(path, []byte("openssl\t1\n")); f.Problem == nil || f.Problem.Reason != ReasonDatabase {
		t.Errorf("a line without its columns gives %+v", f)
	}
}
