package sample

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
)

// Advisory is an advisory for a package of a programming language, as the OSV
// exports have it.
type Advisory struct {
	ID, CVE   string
	Ecosystem string
	Package   string
	Fixed     string // "": no version is
	CVSS      string
	CWEs      []string
	Published string // day
	Summary   string
}

// ApplicationAdvisories are published facts about what Application holds.
func ApplicationAdvisories() []Advisory {
	return []Advisory{
		{
			"GHSA-35jh-r3h4-6jhm", "CVE-2021-23337", "npm", "lodash", "4.17.21", "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:H/I:H/A:H",
			[]string{"CWE-77", "CWE-94"}, "2021-05-06", "Command Injection in lodash",
		},
		{
			"GHSA-29mw-wpgm-hmr9", "CVE-2020-28500", "npm", "lodash", "4.17.21", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:L",
			[]string{"CWE-1333", "CWE-400"}, "2022-01-06", "Regular Expression Denial of Service (ReDoS) in lodash",
		},
		{
			"GHSA-fv66-9v8q-g76r", "CVE-2025-55182", "npm", "react-server-dom-webpack", "19.0.1", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H",
			[]string{"CWE-502"}, "2025-12-03", "React Server Components are Vulnerable to RCE",
		},
		{
			"PYSEC-2023-74", "CVE-2023-32681", "PyPI", "requests", "2.31.0", "CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:C/C:H/I:N/A:N",
			nil, "2023-05-26", "",
		},
	}
}

// Application makes a layer of an application with packages of npm and PyPI; a
// salt makes it a layer of its own.
func Application(salt string) ([]byte, error) {
	return Layer(map[string]string{
		"app/node_modules/lodash/package.json":                                `{"name":"lodash","version":"4.17.20"}`,
		"app/node_modules/left-pad/package.json":                              `{"name":"left-pad","version":"1.3.0"}`,
		"app/node_modules/react-server-dom-webpack/package.json":              `{"name":"react-server-dom-webpack","version":"19.0.0"}`,
		"usr/lib/python3.12/site-packages/requests-2.30.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: requests\nVersion: 2.30.0\n\n",
		"app/serial": salt,
	})
}

// Publish writes the exports of the ecosystems of some advisories below base, in
// the place of those that were there.
func Publish(base string, all ...Advisory) error {
	exports := map[string][]entry{}
	for i := range all {
		exports[all[i].Ecosystem] = append(exports[all[i].Ecosystem], entry{all[i].ID, all[i].record()})
	}
	for ecosystem, records := range exports {
		if err := writeExport(filepath.Join(base, ecosystem), records); err != nil {
			return err
		}
	}
	return nil
}

// record is the advisory in the OSV schema.
func (a *Advisory) record() map[string]any {
	day := a.Published + "T00:00:00Z"
	events := []any{map[string]string{"introduced": "0"}}
	if a.Fixed != "" {
		events = append(events, map[string]string{"fixed": a.Fixed})
	}
	kind := "ECOSYSTEM"
	if a.Ecosystem == "npm" {
		kind = "SEMVER"
	}
	record := map[string]any{
		"schema_version": "1.7.0", "id": a.ID, "aliases": []string{a.CVE}, "published": day, "modified": day, "summary": a.Summary,
		"references": []any{map[string]string{"type": "ADVISORY", "url": "https://nvd.nist.gov/vuln/detail/" + a.CVE}},
		"affected": []any{map[string]any{
			"package": map[string]string{"ecosystem": a.Ecosystem, "name": a.Package},
			"ranges":  []any{map[string]any{"type": kind, "events": events}},
		}},
		"database_specific": map[string]any{"cwe_ids": a.CWEs},
	}
	if a.CVSS != "" {
		record["severity"] = []any{map[string]string{"type": "CVSS_V3", "score": a.CVSS}}
	}
	return record
}

// WriteRisks writes what is known to be exploited of ApplicationAdvisories, and how
// likely that is, below base: in the layouts of CISA's catalogue and of FIRST's
// daily file.
func WriteRisks(base string) error {
	dir := filepath.Join(base, "_enrichment")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	catalogue, err := json.Marshal(map[string]any{
		"title": "CISA Catalog of Known Exploited Vulnerabilities", "catalogVersion": "2025.12.05", "dateReleased": "2025-12-05T18:00:00.0000Z", "count": 1,
		"vulnerabilities": []any{map[string]any{
			"cveID": "CVE-2025-55182", "vendorProject": "Meta", "product": "React Server Components",
			"vulnerabilityName": "Meta React Server Components Remote Code Execution Vulnerability",
			"dateAdded":         "2025-12-05", "dueDate": "2025-12-12", "knownRansomwareCampaignUse": "Known", "cwes": []string{"CWE-502"},
		}},
	})
	if err != nil {
		return err
	}
	scores := "#model_version:v2025.03.14,score_date:2025-12-05T12:00:00Z\ncve,epss,percentile\n" +
		"CVE-2025-55182,0.5,0.98\nCVE-2021-23337,0.01,0.77\n"
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "known_exploited_vulnerabilities.json"), catalogue, 0o600),
		os.WriteFile(filepath.Join(dir, "epss_scores-2025-12-05.csv"), []byte(scores), 0o600),
	)
}
