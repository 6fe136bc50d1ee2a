package advisory

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
)

// Public places, which have each one part.
const (
	PublicBucket      = "https://osv-vulnerabilities.storage.googleapis.com"
	PublicAmazonLinux = "https://cdn.amazonlinux.com"
	PublicKEV         = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
	PublicEPSS        = "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz"
)

// Off is the location of what is not fetched.
const Off = "off"

// Locations say where everything comes from: a URL, a directory (of KEV and EPSS
// a file) or Off. An empty one is public if Advisories is the public bucket;
// otherwise it is looked for where the advisories are, so that a site without
// the Internet needs to name one place only.
type Locations struct {
	// Advisories has the layout of the OSV bucket. ecru+https://HOST is another
	// ecru that serves its own.
	Advisories  string
	AmazonLinux string
	KEV         string
	EPSS        string
}

func (l Locations) withDefaults() Locations {
	if address, found := strings.CutPrefix(l.Advisories, "ecru+"); found {
		l.Advisories = strings.TrimSuffix(address, "/") + "/advisories"
	}
	fill := func(part *string, public string) {
		switch {
		case *part != "":
		case strings.TrimSuffix(l.Advisories, "/") == PublicBucket:
			*part = public
		case l.Advisories == Off:
			*part = Off
		}
	}
	fill(&l.AmazonLinux, PublicAmazonLinux)
	fill(&l.KEV, PublicKEV)
	fill(&l.EPSS, PublicEPSS)
	return l
}

// Has says whether there is a place to ask for an ecosystem. Of a directory it
// says whether that has it, of a server that it may.
func (l Locations) Has(ecosystem string) bool {
	l = l.withDefaults()
	at := l.Advisories
	switch Parent(ecosystem) {
	case amazonLinux:
		at = cmp.Or(l.AmazonLinux, at)
	case KEV:
		at = cmp.Or(l.KEV, at)
	case EPSS:
		at = cmp.Or(l.EPSS, at)
	}
	if at == l.Advisories && IsRisk(ecosystem) && !strings.Contains(at, "://") && at != Off {
		path, err := (&dirFeed{dir: at}).path(ecosystem)
		if err == nil {
			_, err = os.Stat(path)
		}
		return err == nil
	}
	return at != Off
}

// OpenFeeds makes one feed of all locations, nil when all are off.
func OpenFeeds(at Locations, opts FeedOptions) (Feed, error) {
	at, opts = at.withDefaults(), opts.withDefaults()
	s := &feedSet{special: map[string]Feed{}}
	if at.Advisories != Off {
		var err error
		if s.rest, err = OpenFeed(at.Advisories, opts); err != nil {
			return nil, err
		}
	}
	for _, part := range []struct {
		ecosystem, location string
		open                func(location string) (Feed, error)
	}{
		{amazonLinux, at.AmazonLinux, func(l string) (Feed, error) { return openAmazonFeed(l, opts) }},
		{KEV, at.KEV, func(l string) (Feed, error) { return openRiskFeed(KEV, l, opts) }},
		{EPSS, at.EPSS, func(l string) (Feed, error) { return openRiskFeed(EPSS, l, opts) }},
	} {
		switch part.location {
		case "":
		case Off:
			s.special[part.ecosystem] = nil
		default:
			feed, err := part.open(part.location)
			if err != nil {
				return nil, err
			}
			s.special[part.ecosystem] = feed
		}
	}
	if s.rest == nil && !slices.ContainsFunc([]string{amazonLinux, KEV, EPSS}, func(e string) bool { return s.special[e] != nil }) {
		return nil, nil
	}
	return s, nil
}

// feedSet knows which feed has what.
type feedSet struct {
	rest    Feed            // nil: off
	special map[string]Feed // ecosystem without release → feed; nil: off
}

// of answers nil for what is off.
func (s *feedSet) of(ecosystem string) Feed {
	if feed, found := s.special[Parent(ecosystem)]; found {
		return feed
	}
	return s.rest
}

func (s *feedSet) Fetch(ctx context.Context, ecosystem string, have Source) (*Export, error) {
	feed := s.of(ecosystem)
	if feed == nil {
		return nil, ErrNoExport
	}
	return feed.Fetch(ctx, ecosystem, have)
}

func (s *feedSet) Location(ecosystem string) string {
	if feed := s.of(ecosystem); feed != nil {
		return feed.Location(ecosystem)
	}
	return Off
}

func (s *feedSet) Ecosystems(ctx context.Context) ([]string, error) {
	var all []string
	for _, feed := range []Feed{s.rest, s.special[amazonLinux], s.special[KEV], s.special[EPSS]} {
		if feed == nil {
			continue
		}
		names, err := feed.Ecosystems(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// webAddress reads an http or https URL.
func webAddress(location string) (*url.URL, error) {
	u, err := url.Parse(location)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		scheme, _, _ := strings.Cut(location, "://")
		return nil, fmt.Errorf("advisories: %q is not an http or https URL (scheme %q)", location, scheme)
	}
	return u, nil
}

// directory checks that there is one.
func directory(location string) error {
	info, err := os.Stat(location)
	switch {
	case err != nil:
		return fmt.Errorf("advisories: %w", err)
	case !info.IsDir():
		return fmt.Errorf("advisories: %s is not a directory", location)
	}
	return nil
}
