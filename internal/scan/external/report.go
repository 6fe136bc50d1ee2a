package external

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// Bounds of what reports say.
const (
	maxFindings    = 100_000
	maxName        = 512 // ids, packages, versions
	maxDescription = 16 << 10
	maxLinks       = 16
	maxLink        = 2048
	maxCWEs        = 32
	maxAttributes  = 16
	maxAttribute   = 256
	maxNesting     = 3 // of vendor attributes
)

// item is one vulnerability of a report, in the words of all its versions.
type item struct {
	ID          string          `json:"id"`
	Package     string          `json:"package"`
	Version     string          `json:"version"`
	FixVersion  string          `json:"fix_version"`
	Severity    string          `json:"severity"`
	Description string          `json:"description"`
	Links       []string        `json:"links"`
	CVSS        *preferred      `json:"preferred_cvss"`
	Score3      number          `json:"cve3_score"`
	Score2      number          `json:"cve2_score"`
	Vector3     string          `json:"cvss3_vector"`
	Vector2     string          `json:"cvss2_vector"`
	CWEs        []string        `json:"cwe_ids"`
	Vendor      json.RawMessage `json:"vendor_attributes"`
}

type preferred struct {
	Score3  number `json:"score_v3"`
	Score2  number `json:"score_v2"`
	Vector3 string `json:"vector_v3"`
	Vector2 string `json:"vector_v2"`
}

// number is a score, which some adapters write as text.
type number float64

// UnmarshalJSON never fails: a score that is none is not there.
func (n *number) UnmarshalJSON(text []byte) error {
	f, err := strconv.ParseFloat(strings.Trim(string(text), `" `), 64)
	if err == nil && f >= 0 && f <= 10 && !math.IsNaN(f) {
		*n = number(f)
	}
	return nil
}

// errTooLong is about a report with more bytes than are read.
var errTooLong = errors.New("too long")

// bounded fails when more than left bytes are read.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

// readReport answers the findings of a report, in the order of scans. It must be
// about the image of the digest, if it says of which it is.
func readReport(r io.Reader, most int64, digest string) ([]match.Finding, error) {
	reading := reading{dec: json.NewDecoder(&bounded{r, most}), seen: map[[3]string]bool{}}
	err := reading.object(func(key string) error {
		switch key {
		case "vulnerabilities":
			return reading.vulnerabilities()
		case "artifact":
			var about Artifact
			if err := reading.dec.Decode(&about); err != nil {
				return err
			}
			if about.Digest != "" && about.Digest != digest {
				return faultf("its report is about another image: %s", clean(about.Digest))
			}
			return nil
		}
		var skipped json.RawMessage
		return reading.dec.Decode(&skipped)
	})
	var fault *AdapterError
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &fault):
		return nil, fault
	case errors.Is(err, errTooLong):
		return nil, faultf("its report is longer than %d bytes", most)
	case errors.As(err, &syntax), errors.As(err, &kind), errors.Is(err, errNotReport):
		return nil, faultf("its report makes no sense: %s", clean(err.Error()))
	case err != nil:
		return nil, err // it broke off
	case !reading.any:
		return nil, faultf("its report makes no sense: it lists no vulnerabilities, not even none")
	}
	match.SortFindings(reading.findings)
	return reading.findings, nil
}

var errNotReport = errors.New("it is no report")

type reading struct {
	dec      *json.Decoder
	findings []match.Finding
	seen     map[[3]string]bool
	any      bool
}

// object reads the members of the object that comes.
func (r *reading) object(member func(key string) error) error {
	t, err := r.dec.Token()
	if err != nil {
		return err
	}
	if t != json.Delim('{') {
		return errNotReport
	}
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		if err := member(name); err != nil {
			return err
		}
	}
	_, err = r.dec.Token()
	return err
}

// vulnerabilities reads the list; null is an empty one.
func (r *reading) vulnerabilities() error {
	t, err := r.dec.Token()
	if err != nil {
		return err
	}
	r.any = true
	if t == nil {
		return nil
	}
	if t != json.Delim('[') {
		return errNotReport
	}
	for r.dec.More() {
		var i item
		if err := r.dec.Decode(&i); err != nil {
			return err
		}
		if err := r.keep(&i); err != nil {
			return err
		}
	}
	_, err = r.dec.Token()
	return err
}

// keep adds a finding, once.
func (r *reading) keep(i *item) error {
	if i.ID == "" {
		return faultf("its report makes no sense: a vulnerability has no id")
	}
	f := i.finding()
	key := [3]string{f.ID, f.Package, f.InstalledVersion}
	if r.seen[key] {
		return nil
	}
	if len(r.findings) >= maxFindings {
		return faultf("its report lists more than %d vulnerabilities", maxFindings)
	}
	r.seen[key] = true
	r.findings = append(r.findings, f)
	return nil
}

// finding words an item as our own scanner would.
func (i *item) finding() match.Finding {
	f := match.Finding{
		ID: bound(i.ID, maxName), Package: bound(i.Package, maxName), InstalledVersion: bound(i.Version, maxName), FixedVersion: bound(i.FixVersion, maxName),
		VendorSeverity: bound(i.Severity, maxAttribute), Description: bound(i.Description, maxDescription),
	}
	f.AdvisoryID, f.Binaries = f.ID, []string{f.Package}
	f.CVSS = i.scores()
	f.Severity, f.SeveritySource = i.severity(f.CVSS)
	links := i.links()
	f.URI = pageOf(f.ID, links)
	f.Reason = "an external scanner says so"
	told := match.Told{References: links, CWEs: i.cwes(), Attributes: attributes(i.Vendor)}
	if len(told.References)+len(told.CWEs)+len(told.Attributes) > 0 {
		f.Told = &told
	}
	return f
}

// bound makes text of what a stranger says, and cuts it.
func bound(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
	if len(text) > most {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	return text
}

// scores are those that the scanner prefers, the newest version first.
func (i *item) scores() []match.CVSS {
	p := preferred{i.Score3, i.Score2, i.Vector3, i.Vector2}
	if i.CVSS != nil {
		p = *i.CVSS
	}
	var all []match.CVSS
	for _, s := range []struct {
		otherwise, vector string
		score             number
	}{{"3.0", p.Vector3, p.Score3}, {"2.0", p.Vector2, p.Score2}} {
		vector := strings.Trim(bound(s.vector, maxAttribute), "() ")
		if vector == "" && s.score == 0 {
			continue
		}
		c, ok := match.ScoreCVSS(vector)
		if !ok {
			c = match.CVSS{Version: s.otherwise, Vector: vector}
		}
		if s.score > 0 {
			c.Score = math.Round(float64(s.score)*10) / 10
		}
		all = append(all, c)
	}
	return all
}

// severity is the scanner's word, or what follows from a score where it has none.
func (i *item) severity(scores []match.CVSS) (registry.Severity, string) {
	switch strings.ToLower(strings.TrimSpace(i.Severity)) {
	case "critical":
		return registry.Critical, ""
	case "high":
		return registry.High, ""
	case "medium":
		return registry.Medium, ""
	case "low":
		return registry.Low, ""
	case "negligible", "none":
		return registry.Informational, ""
	}
	for _, s := range scores {
		if s.Score > 0 {
			return match.SeverityOf(s.Score), "CVSS:" + s.Version
		}
	}
	return registry.Undefined, ""
}

// links are those to the web; others would be followed by whoever clicks on them.
func (i *item) links() []string {
	var all []string
	for _, link := range i.Links {
		u, err := url.Parse(link)
		if err == nil && len(link) <= maxLink && len(all) < maxLinks && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && !slices.Contains(all, link) {
			all = append(all, link)
		}
	}
	return all
}

// pageOf is where to read about a vulnerability.
func pageOf(id string, links []string) string {
	switch {
	case len(links) > 0:
		return links[0]
	case strings.HasPrefix(id, "CVE-"):
		return "https://nvd.nist.gov/vuln/detail/" + url.PathEscape(id)
	}
	return "https://osv.dev/vulnerability/" + url.PathEscape(id)
}

func (i *item) cwes() []string {
	var all []string
	for _, cwe := range i.CWEs {
		if cwe = bound(strings.TrimSpace(cwe), 32); cwe != "" && len(all) < maxCWEs {
			all = append(all, cwe)
		}
	}
	return all
}

// attributes flattens what is the scanner's own: {"CVSS":{"nvd":{"V3Score":5}}}
// is CVSS.nvd.V3Score.
func attributes(raw json.RawMessage) map[string]string {
	var value any
	if len(raw) == 0 || json.Unmarshal(raw, &value) != nil {
		return nil
	}
	out := map[string]string{}
	flatten(out, "", value, 0)
	if len(out) == 0 {
		return nil
	}
	return out
}

func flatten(out map[string]string, key string, value any, depth int) {
	switch v := value.(type) {
	case map[string]any:
		names := make([]string, 0, len(v))
		for name := range v {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if depth < maxNesting {
				flatten(out, strings.TrimPrefix(key+"."+bound(name, maxAttribute), "."), v[name], depth+1)
			}
		}
	case string, float64, bool:
		text := bound(fmt.Sprint(v), maxAttribute)
		if key = bound(key, maxAttribute); key != "" && text != "" && len(out) < maxAttributes {
			out[key] = text
		}
	}
}
