package advisory

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Where the files of risks lie beside the exports.
const (
	enrichmentDir = "_enrichment"
	kevFile       = "known_exploited_vulnerabilities.json"
	epssFile      = "epss_scores-current.csv.gz"
)

func riskFile(ecosystem string) string {
	switch ecosystem {
	case KEV:
		return kevFile
	case EPSS:
		return epssFile
	}
	return ""
}

// riskReader reads a file of risks; nil for other ecosystems.
func riskReader(ecosystem string) reader {
	switch ecosystem {
	case KEV:
		return readKEV
	case EPSS:
		return readEPSS
	}
	return nil
}

// riskFeed has one file of risks, at a URL or in a file.
type riskFeed struct {
	ecosystem string
	at        *url.URL // nil: a file
	path      string
	*downloader
}

func openRiskFeed(ecosystem, location string, opts FeedOptions) (Feed, error) {
	f := &riskFeed{ecosystem: ecosystem, path: location, downloader: newDownloader(opts)}
	if strings.Contains(location, "://") {
		var err error
		if f.at, err = webAddress(location); err != nil {
			return nil, err
		}
	}
	return f, nil
}

func (f *riskFeed) Location(string) string {
	if f.at != nil {
		return f.at.Redacted()
	}
	return f.path
}

func (f *riskFeed) Ecosystems(context.Context) ([]string, error) { return []string{f.ecosystem}, nil }

func (f *riskFeed) Fetch(ctx context.Context, ecosystem string, have Source) (exp *Export, err error) {
	switch {
	case ecosystem != f.ecosystem:
		return nil, ErrNoExport
	case f.at != nil:
		exp, err = f.download(ctx, f.at, have)
	default:
		exp, err = openFile(ctx, f.path, have, f.opts)
	}
	if err == nil {
		exp.read = riskReader(ecosystem)
	}
	return exp, err
}

// contents reads an export as a stream, unpacked, of at most limit bytes at a
// time: whoever reads resets what is left.
func (e *Export) contents(ctx context.Context) (*rationed, error) {
	raw := &contextReader{ctx, io.NewSectionReader(e, 0, e.Source.Size)}
	return unpack(raw)
}

// rationed is a reader that fails when somebody asks for more than is left.
type rationed struct {
	r     io.Reader
	left  int64
	total int64
	close func()
}

func (r *rationed) Read(p []byte) (int, error) {
	if int64(len(p)) > r.left {
		p = p[:r.left]
	}
	if len(p) == 0 {
		return 0, errTooLong
	}
	n, err := r.r.Read(p)
	r.left -= int64(n)
	r.total += int64(n)
	return n, err
}

// readKEV reads CISA's catalogue.
func readKEV(ctx context.Context, exp *Export, l *loader) error {
	in, err := exp.contents(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	in.left = l.lim.MaxRecordBytes
	decoder := json.NewDecoder(in)
	if t, err := decoder.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(errors.New("not a catalogue of exploited vulnerabilities"), err)
	}
	seen := false
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		switch key {
		case "dateReleased":
			var released time.Time
			if err := decoder.Decode(&released); err != nil {
				return err
			}
			l.dated(released)
		case "vulnerabilities":
			seen = true
			if err := readExploited(ctx, decoder, in, l); err != nil {
				return err
			}
		default:
			var skipped json.RawMessage
			if err := decoder.Decode(&skipped); err != nil {
				return err
			}
		}
	}
	if _, err := decoder.Token(); err != nil {
		return err
	}
	if !seen {
		return errors.New("not a catalogue of exploited vulnerabilities: it has no vulnerabilities")
	}
	return nil
}

func readExploited(ctx context.Context, decoder *json.Decoder, in *rationed, l *loader) error {
	if t, err := decoder.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(errors.New("its vulnerabilities are no list"), err)
	}
	for decoder.More() {
		in.left = l.lim.MaxRecordBytes
		if err := l.step(ctx); err != nil {
			return err
		}
		var v struct{ CveID, DateAdded string }
		if err := decoder.Decode(&v); err != nil {
			return err
		}
		_, err := time.Parse(time.DateOnly, v.DateAdded)
		if err != nil || !isVulnerabilityID(v.CveID) {
			l.reject(fmt.Sprintf("%q", v.CveID), errors.New("not an id and a day"))
			continue
		}
		e, err := kevEntry(v.CveID, v.DateAdded)
		if err == nil {
			err = l.add(ctx, []Entry{e})
		}
		if err != nil {
			return err
		}
		if err := l.count(in.total - l.total); err != nil {
			return err
		}
	}
	_, err := decoder.Token()
	return err
}

// isVulnerabilityID accepts ids such as CVE-2024-1234.
func isVulnerabilityID(id string) bool {
	return len(id) < 64 && strings.HasPrefix(id, "CVE-") && plain(id, maxID) && !strings.ContainsAny(id, " ,\"")
}

// maxLine bounds a line of EPSS's file.
const maxLine = 4096

// readEPSS reads FIRST's daily file: a comment with the day, the names of the
// columns, and a line for each vulnerability.
func readEPSS(ctx context.Context, exp *Export, l *loader) error {
	in, err := exp.contents(ctx)
	if err != nil {
		return err
	}
	defer in.close()
	in.left = l.lim.MaxTotalBytes
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	named := false
	for lines.Scan() {
		line := bytes.TrimSuffix(lines.Bytes(), []byte("\r"))
		switch {
		case len(line) == 0:
		case line[0] == '#':
			l.dated(scoreDate(string(line)))
		case !named:
			if named = string(line) == "cve,epss,percentile"; !named {
				return fmt.Errorf("not a file of EPSS: it begins with %.64q", line)
			}
		default:
			if err := l.estimate(ctx, string(line)); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if !named {
		return errors.New("not a file of EPSS: it is empty")
	}
	return nil
}

// scoreDate finds the day in "#model_version:v2025.03.14,score_date:2026-08-22T00:00:00+0000".
func scoreDate(comment string) time.Time {
	_, text, _ := strings.Cut(comment, "score_date:")
	text, _, _ = strings.Cut(text, ",")
	if len(text) > len(time.DateOnly) {
		text = text[:len(time.DateOnly)]
	}
	day, _ := time.Parse(time.DateOnly, text)
	return day
}

func (l *loader) estimate(ctx context.Context, line string) error {
	if err := l.step(ctx); err != nil {
		return err
	}
	fields := strings.Split(line, ",")
	if len(fields) < 3 || !isVulnerabilityID(fields[0]) {
		l.reject(line, errors.New("not an id and two numbers"))
		return nil
	}
	probability, err1 := share(fields[1])
	percentile, err2 := share(fields[2])
	if err := errors.Join(err1, err2); err != nil {
		l.reject(line, err)
		return nil
	}
	e, err := epssEntry(fields[0], probability, percentile)
	if err != nil {
		return err
	}
	return l.add(ctx, []Entry{e})
}

// share reads a number from 0 to 1.
func share(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err == nil && (n < 0 || n > 1 || n != n) {
		err = fmt.Errorf("%q is not from 0 to 1", text)
	}
	return n, err
}
