package sample

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// publicBucket is where OSV publishes its exports.
const publicBucket = "https://osv-vulnerabilities.storage.googleapis.com"

// Source is where data was taken from.
type Source struct {
	Place string // URL, directory or file
	Said  string // the same for people, with why
}

// Advisories answers an OSV export that is at hand: the shared one, the public
// one, or the carried facts, written below dir.
func Advisories(root, dir string) (Source, error) {
	if shared := filepath.Join(sharedDir(root), "osv"); isDir(shared) {
		return Source{shared, "advisories: the shared OSV data in " + shared}, nil
	}
	if reachable(publicBucket + "/ecosystems.txt") {
		return Source{publicBucket, "advisories: the public OSV bucket"}, nil
	}
	base := filepath.Join(dir, "osv")
	if err := WriteAdvisories(base); err != nil {
		return Source{}, err
	}
	return Source{base, fmt.Sprintf("advisories: %d records carried by the repository (neither shared data nor the public OSV bucket can be reached)", len(alpine320Facts()))}, nil
}

func sharedDir(root string) string {
	if dir := os.Getenv("ECRU_SHARED"); dir != "" {
		return dir
	}
	return filepath.Join(root, "..", "shared")
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func reachable(url string) bool {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Head(url)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// WriteAdvisories writes the carried facts as an OSV export below base.
func WriteAdvisories(base string) error { return writeFacts(base, alpine320Facts()) }

// WriteNewAdvisory writes the carried facts with one more, which nobody has
// published: a vulnerability of a package of Alpine that a version fixes.
func WriteNewAdvisory(base, cve, pkg, fixed string) error {
	return writeFacts(base, append(alpine320Facts(), fact{
		cve: cve, pkg: pkg, introduced: "0", fixed: fixed, cvss: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", published: "2026-08-01",
	}))
}

func writeFacts(base string, facts []fact) error {
	all := make([]entry, 0, len(facts))
	for _, f := range facts {
		all = append(all, entry{"ALPINE-" + f.cve, f.record()})
	}
	return writeExport(filepath.Join(base, "Alpine"), all)
}

// entry is a record of an export.
type entry struct {
	id     string
	record map[string]any
}

// writeExport writes an export beside the old one first: servers read it at any
// time.
func writeExport(dir string, records []entry) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(dir, "next-*")
	if err != nil {
		return err
	}
	archive := zip.NewWriter(file)
	for _, r := range records {
		to, err := archive.Create(r.id + ".json")
		if err == nil {
			err = json.NewEncoder(to).Encode(r.record)
		}
		if err != nil {
			return errors.Join(err, file.Close())
		}
	}
	if err := errors.Join(archive.Close(), file.Close(), os.Chmod(file.Name(), 0o644)); err != nil {
		return err
	}
	return os.Rename(file.Name(), filepath.Join(dir, "all.zip"))
}

// record is the fact in the OSV schema.
func (f fact) record() map[string]any {
	day := f.published + "T00:00:00Z"
	record := map[string]any{
		"schema_version": "1.7.0",
		"id":             "ALPINE-" + f.cve,
		"upstream":       []string{f.cve},
		"published":      day,
		"modified":       day,
		"affected": []any{map[string]any{
			"package": map[string]string{"ecosystem": "Alpine:v3.20", "name": f.pkg, "purl": "pkg:apk/alpine/" + f.pkg + "?arch=source"},
			"ranges": []any{map[string]any{
				"type":   "ECOSYSTEM",
				"events": []any{map[string]string{"introduced": f.introduced}, map[string]string{"fixed": f.fixed}},
			}},
		}},
	}
	if f.cvss != "" {
		record["severity"] = []any{map[string]string{"type": "CVSS_V3", "score": f.cvss}}
	}
	return record
}
