package sample

import (
	"archive/zip"
	"encoding/json"
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
func WriteAdvisories(base string) error {
	dir := filepath.Join(base, "Alpine")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, "all.zip"))
	if err != nil {
		return err
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	for _, f := range alpine320Facts() {
		entry, err := archive.Create("ALPINE-" + f.cve + ".json")
		if err != nil {
			return err
		}
		if err := json.NewEncoder(entry).Encode(f.record()); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return file.Close()
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
