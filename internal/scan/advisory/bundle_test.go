package advisory_test

import (
	"archive/zip"
	"bytes"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
	"github.com/ecru-registry/ecru/internal/scan/advisory/advisorytest"
	"github.com/ecru-registry/ecru/test/fixture"
)

// keyOf makes a key pair that is the same in every run.
func keyOf(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) []ed25519.PublicKey {
	return []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
}

// exportTime is when the bundles of these tests are made.
var exportTime = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC)

// filled is a store with two ecosystems and risks, loaded at exportTime.
func filled(t testing.TB) *advisorytest.Memory {
	t.Helper()
	dir := t.TempDir()
	two := `{"id": "GO-1", "modified": "2026-01-01T00:00:00Z", "summary": "both", "affected": [
		{"package": {"ecosystem": "Go", "name": "x.test/B"}, "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}]},
		{"package": {"ecosystem": "Go", "name": "x.test/a"}, "versions": ["1"]}, {"package": {"ecosystem": "npm", "name": "other"}, "versions": ["1"]}]}`
	put(t, filepath.Join(dir, "Go", "all.zip"), zipOf(t, map[string]string{"GO-1.json": two, "GO-2.json": recordOf("odd/id", "Go", "x.test/a", "2")}))
	put(t, filepath.Join(dir, "Amazon Linux:2", "all.zip"), zipOf(t, map[string]string{"A.json": recordOf("ALAS-1", "Amazon Linux:2", "p", "1")}))
	put(t, filepath.Join(dir, "_enrichment", "known_exploited_vulnerabilities.json"), []byte(kev))
	put(t, filepath.Join(dir, "_enrichment", "epss_scores-2026-01-02.csv"), []byte(epss))
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{Now: func() time.Time { return exportTime }})
	outcomes, err := u.Import(t.Context(), dir, nil)
	if err != nil || len(outcomes) != 4 {
		t.Fatal(outcomes, err)
	}
	for _, o := range outcomes {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
	return store
}

func bundleOf(t testing.TB, store advisory.Store, key ed25519.PrivateKey, ecosystems ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	_, err := advisory.WriteBundle(t.Context(), advisory.NewExporter(store, t.TempDir()), key, "test", exportTime, ecosystems, &out)
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func openBundle(t testing.TB, bundle []byte, trusted []ed25519.PublicKey) (*advisory.Bundle, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bundle.zip")
	put(t, path, bundle)
	b, err := advisory.OpenBundle(t.Context(), path, trusted)
	if err == nil {
		t.Cleanup(func() { _ = b.Close() })
	}
	return b, err
}

func importBundle(t *testing.T, store advisory.Store, bundle []byte, force bool, ecosystems ...string) ([]advisory.Outcome, error) {
	t.Helper()
	b, err := openBundle(t, bundle, public(keyOf(1)))
	if err != nil {
		t.Fatal(err)
	}
	return advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{}).ImportBundle(t.Context(), b, force, nil, ecosystems...)
}

func TestABundleCarriesEverything(t *testing.T) {
	from, to := filled(t), advisorytest.NewMemory()
	bundle := bundleOf(t, from, keyOf(1))
	outcomes, err := importBundle(t, to, bundle, false)
	if err != nil || len(outcomes) != 4 {
		t.Fatalf("%+v, %v", outcomes, err)
	}
	for _, o := range outcomes {
		want := sourceOf(t, from, o.Ecosystem)
		got := sourceOf(t, to, o.Ecosystem)
		if o.Err != nil || !o.Changed || o.Records != want.Records || o.Entries != want.Entries || o.Rejected != 0 {
			t.Errorf("%+v, want %+v", o, want)
		}
		// Carried over, advisories are not younger than they were.
		if !got.Checked().Equal(exportTime) || !got.NewestModified.Equal(want.NewestModified) || got.Location != "bundle bundle.zip" {
			t.Errorf("%s: %+v", o.Ecosystem, got)
		}
		theirs, err1 := from.Page(t.Context(), o.Ecosystem, want.Generation, advisory.Key{}, 100)
		ours, err2 := to.Page(t.Context(), o.Ecosystem, got.Generation, advisory.Key{}, 100)
		if diff := cmp.Diff(theirs, ours); diff != "" || err1 != nil || err2 != nil {
			t.Errorf("%s (-want +got):\n%s %v %v", o.Ecosystem, diff, err1, err2)
		}
	}
	if outcomes, err = importBundle(t, to, bundle, false); err != nil || outcomes[0].Changed || outcomes[3].Changed {
		t.Errorf("the same again: %+v, %v", outcomes, err)
	}
	if got := sourceOf(t, to, "Go"); !got.Checked().Equal(exportTime) {
		t.Errorf("it became younger: %+v", got)
	}
	if !bytes.Equal(bundle, bundleOf(t, from, keyOf(1))) {
		t.Error("the same advisories make another bundle")
	}
}

func TestABundleOfSomeEcosystems(t *testing.T) {
	bundle := bundleOf(t, filled(t), keyOf(1), "Go", advisory.KEV)
	to := advisorytest.NewMemory()
	if outcomes, err := importBundle(t, to, bundle, false, "Go"); err != nil || len(outcomes) != 1 || sourceOf(t, to, advisory.KEV).Loaded() {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if outcomes, err := importBundle(t, to, bundle, false, "npm"); err != nil || !errors.Is(outcomes[0].Err, advisory.ErrNoExport) {
		t.Errorf("%+v, %v", outcomes, err)
	}
	x := advisory.NewExporter(filled(t), t.TempDir())
	if _, err := advisory.WriteBundle(t.Context(), x, keyOf(1), "", exportTime, []string{"npm"}, io.Discard); err == nil {
		t.Error("a bundle of what is not loaded")
	}
	x = advisory.NewExporter(advisorytest.NewMemory(), t.TempDir())
	if _, err := advisory.WriteBundle(t.Context(), x, keyOf(1), "", exportTime, nil, io.Discard); err == nil {
		t.Error("a bundle of nothing")
	}
}

// changed writes a bundle anew with some of its files as they were not.
func changed(t *testing.T, bundle []byte, change func(name string, data []byte) []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if data = change(f.Name, data); data == nil {
			continue
		}
		c, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
		if err == nil {
			_, err = c.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestBundlesThatAreRefused(t *testing.T) {
	good := bundleOf(t, filled(t), keyOf(1))
	without := func(name string) []byte {
		return changed(t, good, func(n string, data []byte) []byte {
			if n == name {
				return nil
			}
			return data
		})
	}
	replaced := func(name string, f func([]byte) []byte) []byte {
		return changed(t, good, func(n string, data []byte) []byte {
			if n == name {
				return f(data)
			}
			return data
		})
	}
	flipped := func(data []byte) []byte {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
		return data
	}
	for name, c := range map[string]struct {
		bundle []byte
		want   error
		text   string
	}{
		"nothing":                {nil, advisory.ErrAltered, "not a whole zip"},
		"a page":                 {[]byte("<html>please log in</html>"), advisory.ErrAltered, "not a whole zip"},
		"cut off":                {good[:len(good)-100], advisory.ErrAltered, "not a whole zip"},
		"another zip":            {zipOf(t, map[string]string{"a": ""}), nil, ""},
		"no manifest":            {without("manifest.json"), advisory.ErrUntrusted, "no bundle"},
		"no signature":           {without("manifest.sig"), advisory.ErrUntrusted, "no signature"},
		"another signature":      {replaced("manifest.sig", flipped), advisory.ErrAltered, "not what was signed"},
		"a short signature":      {replaced("manifest.sig", func(b []byte) []byte { return b[:10] }), advisory.ErrAltered, ""},
		"a long signature":       {replaced("manifest.sig", func(b []byte) []byte { return append(b, 0) }), advisory.ErrAltered, ""},
		"an altered manifest":    {replaced("manifest.json", func(b []byte) []byte { return bytes.Replace(b, []byte(`"records": 2`), []byte(`"records": 3`), 1) }), advisory.ErrAltered, "not what was signed"},
		"an altered export":      {replaced("Go/all.zip", flipped), advisory.ErrAltered, `"Go/all.zip" is not as the manifest says`},
		"an export that is gone": {without("Go/all.zip"), advisory.ErrAltered, "its manifest names 4"},
		"another export":         {changed(t, good, func(n string, b []byte) []byte { return b }), nil, ""},
		"signed by another":      {bundleOf(t, filled(t), keyOf(2)), advisory.ErrUntrusted, advisory.PublicKey(public(keyOf(2))[0])},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := openBundle(t, c.bundle, public(keyOf(1)))
			if name == "another export" { // written anew, but the same
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || b != nil || (c.want != nil && !errors.Is(err, c.want)) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("%v, want %v with %q", err, c.want, c.text)
			}
		})
	}
	if _, err := openBundle(t, good, nil); !errors.Is(err, advisory.ErrUntrusted) || !strings.Contains(err.Error(), "--trust") {
		t.Errorf("nobody is trusted: %v", err)
	}
	if _, err := openBundle(t, good, append(public(keyOf(2)), public(keyOf(1))...)); err != nil {
		t.Errorf("one of two is: %v", err)
	}
}

// TestABundleCutAtAnyByte is refused, wherever it ends.
func TestABundleCutAtAnyByte(t *testing.T) {
	good := bundleOf(t, filled(t), keyOf(1))
	for n := range good {
		if n > 300 && n < len(good)-300 && n%97 != 0 {
			continue
		}
		if _, err := openBundle(t, good[:n], public(keyOf(1))); err == nil {
			t.Fatalf("cut at byte %d of %d, it is taken", n, len(good))
		}
	}
}

func TestAnOlderBundleIsRefused(t *testing.T) {
	from := filled(t)
	bundle := bundleOf(t, from, keyOf(1))
	to := advisorytest.NewMemory()
	u := advisory.NewUpdater(to, nil, nil, advisory.UpdaterOptions{Now: func() time.Time { return exportTime.Add(time.Hour) }})
	newer := exportDir(t, "Go", zipOf(t, map[string]string{"A.json": recordOf("NEW", "Go", "x.test/a", "3")}))
	if outcomes, err := u.Import(t.Context(), newer, nil); err != nil || outcomes[0].Err != nil {
		t.Fatal(outcomes, err)
	}
	outcomes, err := importBundle(t, to, bundle, false)
	if !errors.Is(err, advisory.ErrOlder) || len(outcomes) != 0 || !strings.Contains(err.Error(), "Go of 2026-05-06 07:08:09, stored of 2026-05-06 08:08:09") {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if sourceOf(t, to, advisory.KEV).Loaded() || ids(t, to, "Go", "x.test/a") != "NEW" || sourceOf(t, to, "Go").LastError != "" {
		t.Error("a part of it was taken")
	}
	if outcomes, err := importBundle(t, to, bundle, false, advisory.KEV); err != nil || outcomes[0].Err != nil {
		t.Errorf("what is not older: %+v, %v", outcomes, err)
	}
	if outcomes, err := importBundle(t, to, bundle, true); err != nil || !slices.ContainsFunc(outcomes, func(o advisory.Outcome) bool { return o.Ecosystem == "Go" && o.Changed }) {
		t.Errorf("forced: %+v, %v", outcomes, err)
	}
	if ids(t, to, "Go", "x.test/a") != "GO-1 odd/id" {
		t.Error("forced, it was not taken")
	}
}

// TestAnUnpackedBundleIsADirectoryLikeAnyOther.
func TestAnUnpackedBundleIsADirectoryLikeAnyOther(t *testing.T) {
	bundle := bundleOf(t, filled(t), keyOf(1))
	in, err := zip.NewReader(bytes.NewReader(bundle), int64(len(bundle)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, f.Name), data)
	}
	store := advisorytest.NewMemory()
	outcomes, err := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{}).Import(t.Context(), dir, nil)
	if err != nil || len(outcomes) != 4 || ids(t, store, "Go", "x.test/b") != "GO-1" {
		t.Errorf("%+v, %v", outcomes, err)
	}
}

// TestRealExportsComeBackAsTheyWere: an import of what was exported is no change
// of anything.
func TestRealExportsComeBackAsTheyWere(t *testing.T) {
	store := advisorytest.NewMemory()
	u := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{})
	outcomes, err := u.Import(t.Context(), filepath.Join(fixture.Shared(t), "osv"), nil, "AlmaLinux:9", "PyPI", "crates.io", "GitHub Actions", "Packagist", advisory.KEV, advisory.EPSS)
	if err != nil || len(outcomes) != 7 {
		t.Fatal(outcomes, err)
	}
	bundle := bundleOf(t, store, keyOf(1))
	if err := store.DropChanges(t.Context(), 1<<40); err != nil {
		t.Fatal(err)
	}
	again, err := importBundle(t, store, bundle, true)
	if err != nil || len(again) != 7 {
		t.Fatalf("%+v, %v", again, err)
	}
	for i, o := range again {
		if o.Err != nil || o.Records != outcomes[i].Records || o.Entries != outcomes[i].Entries {
			t.Errorf("%+v, want %+v", o, outcomes[i])
		}
	}
	if changes, err := store.Changes(t.Context(), 0, 10); err != nil || len(changes) != 0 {
		t.Errorf("%+v, %v", changes, err)
	}
}

func TestAnExportIsMadeOnce(t *testing.T) {
	store, dir := filled(t), t.TempDir()
	x := advisory.NewExporter(store, dir)
	files := func() (names []string) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	open := func() advisory.Source {
		t.Helper()
		a, err := x.Open(t.Context(), "Go")
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		return a.Source
	}
	first, made := open(), files()
	if again := open(); again != first || !slices.Equal(files(), made) || len(made) != 1 {
		t.Errorf("%+v, then %+v: %q", first, again, files())
	}
	u := advisory.NewUpdater(store, nil, nil, advisory.UpdaterOptions{})
	if _, err := u.Import(t.Context(), exportDir(t, "Go", zipOf(t, map[string]string{"A.json": recordOf("A", "Go", "p", "3")})), nil); err != nil {
		t.Fatal(err)
	}
	if next := open(); next.Digest == first.Digest || len(files()) != 1 || slices.Equal(files(), made) {
		t.Errorf("after an import: %+v, %q", next, files())
	}
	if _, err := x.Open(t.Context(), "npm"); !errors.Is(err, advisory.ErrNoExport) {
		t.Errorf("of what is not loaded: %v", err)
	}
}

func FuzzBundle(f *testing.F) {
	good := bundleOf(f, filled(f), keyOf(1))
	f.Add(good)
	f.Add(good[:len(good)/2])
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, bundle []byte) {
		b, err := openBundle(t, bundle, public(keyOf(1)))
		if err == nil && !bytes.Equal(bundle, good) && len(b.Manifest.Members) != 4 {
			t.Fatal("a bundle that nobody has signed is taken")
		}
	})
}
