package advisory

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// update is one notice of an updateinfo.xml, the format in which repositories of
// RPM packages tell of updates.
type update struct {
	Type        string      `xml:"type,attr"`
	Status      string      `xml:"status,attr"`
	ID          string      `xml:"id"`
	Title       string      `xml:"title"`
	Issued      date        `xml:"issued"`
	Updated     date        `xml:"updated"`
	Severity    string      `xml:"severity"`
	Description string      `xml:"description"`
	References  []reference `xml:"references>reference"`
	Packages    []rpm       `xml:"pkglist>collection>package"`
}

type date struct {
	Date string `xml:"date,attr"`
}

type reference struct {
	Href string `xml:"href,attr"`
	ID   string `xml:"id,attr"`
	Type string `xml:"type,attr"`
}

type rpm struct {
	Name    string `xml:"name,attr"`
	Epoch   string `xml:"epoch,attr"`
	Version string `xml:"version,attr"`
	Release string `xml:"release,attr"`
	Arch    string `xml:"arch,attr"`
}

// maxUpdateBytes bounds one notice, of which the XML decoder makes several times
// as much.
const maxUpdateBytes = 4 << 20

// readUpdates reads a stream of notices, one in memory at a time.
func readUpdates(ctx context.Context, from io.Reader, l *loader) error {
	in, err := unpack(from)
	if err != nil {
		return err
	}
	defer in.close()
	before := l.total
	decoder := xml.NewDecoder(in)
	root := false
	for {
		in.left = min(maxUpdateBytes, l.lim.MaxRecordBytes)
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && root {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not an updateinfo.xml: %w", err)
		}
		element, begins := token.(xml.StartElement)
		switch {
		case !begins:
			continue
		case !root:
			if root = element.Name.Local == "updates"; !root {
				return fmt.Errorf("not an updateinfo.xml: it begins with <%.64s>", element.Name.Local)
			}
			continue
		case element.Name.Local != "update":
			if err := decoder.Skip(); err != nil {
				return err
			}
			continue
		}
		if err := l.step(ctx); err != nil {
			return err
		}
		var u update
		if err := decoder.DecodeElement(&u, &element); err != nil {
			return err
		}
		l.total = before
		if err := l.count(in.total); err != nil {
			return err
		}
		if err := l.update(ctx, &u); err != nil {
			return err
		}
	}
}

// update takes a notice as the record that OSV would make of it.
func (l *loader) update(ctx context.Context, u *update) error {
	if u.Type != "" && u.Type != "security" {
		return nil // a bug fixed, a new package
	}
	if u.Status == "rejected" || u.Status == "retracted" || u.Status == "withdrawn" {
		l.withdrawn++
		return nil
	}
	r := u.record(l.ecosystem)
	if err := r.check(); err != nil {
		l.reject(fmt.Sprintf("%q", u.ID), err)
		return nil
	}
	r.reduce()
	if len(r.Affected) == 0 {
		return nil
	}
	return l.record(ctx, r)
}

func (u *update) record(ecosystem string) *Record {
	r := &Record{
		ID: strings.TrimSpace(u.ID), Summary: u.Title, Details: u.Description,
		Modified: u.Updated.time(), Published: u.Issued.time(),
	}
	if r.Modified.IsZero() {
		r.Modified = r.Published
	}
	r.Database.Severity = word(strings.ToLower(strings.TrimSpace(u.Severity)))
	if page := bulletin(ecosystem, r.ID); page != "" {
		r.References = append(r.References, Reference{Type: "ADVISORY", URL: page})
	}
	for _, ref := range u.References {
		id := strings.ToUpper(strings.TrimSpace(ref.ID))
		if isVulnerabilityID(id) && !slices.Contains(r.Upstream, id) {
			r.Upstream = append(r.Upstream, id)
		}
		r.References = append(r.References, Reference{Type: "WEB", URL: ref.Href})
	}
	type fix struct{ name, version string }
	seen := map[fix]bool{}
	for _, p := range u.Packages {
		f := fix{p.Name, p.evr()}
		if p.Arch == "src" || p.Version == "" || p.Release == "" || seen[f] {
			continue // the same update on another architecture is the same update
		}
		seen[f] = true
		r.Affected = append(r.Affected, Affected{
			Package: Package{Ecosystem: ecosystem, Name: p.Name},
			Ranges:  []Range{{Type: RangeEcosystem, Events: []Event{{Introduced: "0"}, {Fixed: f.version}}}},
		})
	}
	return r
}

// evr writes a version as rpm does: an epoch of 0 is left out.
func (p *rpm) evr() string {
	v := p.Version + "-" + p.Release
	if p.Epoch != "" && p.Epoch != "0" {
		v = p.Epoch + ":" + v
	}
	return v
}

// time reads the ways in which updateinfo files write it; zero for others.
func (d date) time() time.Time {
	text := strings.TrimSpace(d.Date)
	for _, layout := range []string{time.DateTime, time.RFC3339, "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// bulletin is Amazon's page about a notice: ALAS2-2024-1 and ALAS2023-2024-1 are
// called ALAS-2024-1 there, those of topics (ALASDOCKER-2024-1) by their names.
func bulletin(ecosystem, id string) string {
	series, rest, found := strings.Cut(id, "-")
	release, ofAmazon := strings.CutPrefix(ecosystem, amazonLinux+":")
	if !found || !ofAmazon || !strings.HasPrefix(series, "ALAS") || strings.ContainsAny(id, "/?#% ") {
		return ""
	}
	folder := map[string]string{"1": "", "2": "AL2/", "2022": "AL2022/", "2023": "AL2023/"}[release]
	topic := strings.TrimPrefix(strings.TrimPrefix(series, "ALAS"), release)
	return "https://alas.aws.amazon.com/" + folder + "ALAS" + topic + "-" + rest + ".html"
}
