package advisory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// amazonLinux is the ecosystem of Amazon Linux, which OSV does not publish:
// "Amazon Linux:2023". Its advisories are in the repositories of its packages.
const amazonLinux = "Amazon Linux"

// Bounds of what tells where the advisories are.
const (
	maxIndexBytes = 4 << 20
	maxTopics     = 500
	maxMirrors    = 10
)

// openAmazonFeed makes the feed of Amazon Linux: a server with the layout of
// Amazon's, or a directory with a subdirectory for each release ("2023") in
// which, at any depth, lie the updateinfo.xml files of its repositories.
func openAmazonFeed(location string, opts FeedOptions) (Feed, error) {
	if !strings.Contains(location, "://") {
		return &amazonDir{dir: location, opts: opts}, directory(location)
	}
	u, err := webAddress(location)
	if err != nil {
		return nil, err
	}
	return &amazonFeed{base: u, downloader: newDownloader(opts)}, nil
}

// amazonRelease answers "2023" of "Amazon Linux:2023".
func amazonRelease(ecosystem string) (string, error) {
	release, found := strings.CutPrefix(ecosystem, amazonLinux+":")
	if !found || checkEcosystem(release) != nil {
		return "", ErrNoExport
	}
	return release, nil
}

// part is an updateinfo.xml within an export of several.
type part struct {
	name         string
	offset, size int64
}

// readParts reads an export that is several updateinfo files in a row.
func readParts(parts []part) reader {
	return func(ctx context.Context, exp *Export, l *loader) error {
		for _, p := range parts {
			in := &contextReader{ctx, io.NewSectionReader(exp, p.offset, p.size)}
			if err := readUpdates(ctx, in, l); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
		return nil
	}
}

// amazonDir has what somebody has carried over.
type amazonDir struct {
	dir  string
	opts FeedOptions
}

func (f *amazonDir) Location(string) string { return f.dir }

func (f *amazonDir) Ecosystems(context.Context) ([]string, error) {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil, fmt.Errorf("advisories: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && checkEcosystem(e.Name()) == nil {
			names = append(names, amazonLinux+":"+e.Name())
		}
	}
	return names, nil
}

func (f *amazonDir) Fetch(ctx context.Context, ecosystem string, have Source) (*Export, error) {
	release, err := amazonRelease(ecosystem)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(f.dir, release)
	files, err := updateFiles(dir)
	if err != nil {
		return nil, err
	}
	c := newCollection(f.opts)
	for _, path := range files {
		if err := c.addFile(ctx, dir, path); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c.export(Source{Location: dir, Digest: c.digest()}, have)
}

// updateFiles finds the updateinfo files below a directory.
func updateFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Type().IsRegular() && strings.Contains(entry.Name(), "updateinfo.xml") {
			files = append(files, path)
		}
		if len(files) > maxTopics {
			return fmt.Errorf("more than %d updateinfo files", maxTopics)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(files) == 0) {
		return nil, ErrNoExport
	}
	if err != nil {
		return nil, fmt.Errorf("advisories: %s: %w", dir, err)
	}
	return files, nil
}

// collection puts several files into one export.
type collection struct {
	file  *os.File
	opts  FeedOptions
	parts []part
	size  int64
	names hash.Hash // of what is in it
	err   error
}

func newCollection(opts FeedOptions) *collection {
	c := &collection{opts: opts, names: sha256.New()}
	c.file, c.err = temporary(opts.TempDir)
	return c
}

func (c *collection) close() error {
	if c.file == nil {
		return nil
	}
	return errors.Join(c.file.Close(), removeFile(c.file.Name()))
}

func (c *collection) addFile(ctx context.Context, dir, path string) error {
	if c.err != nil {
		return c.err
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("advisories: %w", err)
	}
	defer file.Close()
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = c.add(name, io.TeeReader(&contextReader{ctx, file}, sum))
	c.note(name, hex.EncodeToString(sum.Sum(nil)))
	return err
}

// note makes a file count for what tells exports apart.
func (c *collection) note(name, checksum string) { fmt.Fprintf(c.names, "%s %s\n", name, checksum) }

func (c *collection) digest() string { return "sha256:" + hex.EncodeToString(c.names.Sum(nil)) }

func (c *collection) add(name string, from io.Reader) error {
	if c.err != nil {
		return c.err
	}
	left := c.opts.MaxExportBytes - c.size
	n, err := io.Copy(c.file, io.LimitReader(from, left+1))
	if err == nil && n > left {
		err = fmt.Errorf("advisories: %s makes more than the limit of %d bytes", name, c.opts.MaxExportBytes)
	}
	c.parts = append(c.parts, part{name, c.size, n})
	c.size += n
	return err
}

// export hands the collection over, unless that is what is there.
func (c *collection) export(src, have Source) (*Export, error) {
	src.Size = c.size
	switch {
	case c.err != nil:
		return nil, c.err
	case have.Loaded() && have.Digest == src.Digest:
		return nil, errors.Join(ErrNotModified, c.close())
	}
	return &Export{ReaderAt: c.file, Source: src, read: readParts(c.parts), close: c.close}, nil
}

// amazonFeed follows the files that package managers follow: a list of mirrors,
// of a mirror its repomd.xml, and of that the updateinfo.
type amazonFeed struct {
	base *url.URL
	*downloader
}

func (f *amazonFeed) Location(string) string { return f.base.Redacted() }

func (f *amazonFeed) Ecosystems(context.Context) ([]string, error) { return nil, nil }

// repository is a repository of packages that tells of updates.
type repository struct {
	name     string
	location *url.URL // of its updateinfo
	checksum string   // as repomd.xml has it: "sha256 1234…"
}

// Fetch looks at the small files first. Together they say whether anything is
// new, because they hold the checksums of the large ones.
func (f *amazonFeed) Fetch(ctx context.Context, ecosystem string, have Source) (*Export, error) {
	release, err := amazonRelease(ecosystem)
	if err != nil {
		return nil, err
	}
	repositories, err := f.repositories(ctx, release)
	if err != nil {
		return nil, err
	}
	if len(repositories) == 0 {
		return nil, fmt.Errorf("advisories: no repository of %s at %s tells of updates", ecosystem, f.base.Redacted())
	}
	c := newCollection(f.opts)
	for _, r := range repositories {
		c.note(r.name, r.checksum)
	}
	src := Source{Location: f.base.Redacted(), Digest: c.digest()}
	if have.Loaded() && have.Digest == src.Digest {
		return c.export(src, have)
	}
	for _, r := range repositories {
		if err := f.take(ctx, c, r); err != nil {
			return nil, errors.Join(err, c.close())
		}
	}
	return c.export(src, have)
}

// repositories lists those of a release. Where there is no such release nothing
// is said about it; a repository that cannot be read is an error, because
// without it advisories would silently be missing.
func (f *amazonFeed) repositories(ctx context.Context, release string) ([]repository, error) {
	lists, err := f.mirrorLists(ctx, release)
	if err != nil {
		return nil, err
	}
	var all []repository
	for i, list := range lists {
		r, err := f.repository(ctx, list)
		switch {
		case errors.Is(err, ErrNoExport) && i > 0:
			continue // a topic that is in the catalogue only
		case err != nil:
			return nil, err
		}
		all = append(all, r...)
	}
	slices.SortFunc(all, func(x, y repository) int { return strings.Compare(x.name, y.name) })
	return all, nil
}

// mirrorLists are where the mirrors of the repositories of a release are listed.
// The advisories of x86_64 name those of aarch64, too.
func (f *amazonFeed) mirrorLists(ctx context.Context, release string) ([]*url.URL, error) {
	switch release {
	case "1":
		if f.base.String() == PublicAmazonLinux { // it is not where the others are, and never was on TLS
			u, err := url.Parse("http://repo.us-west-2.amazonaws.com/2018.03/updates/x86_64/mirror.list")
			return []*url.URL{u}, err
		}
		return []*url.URL{f.base.JoinPath("2018.03/updates/x86_64/mirror.list")}, nil
	case "2":
		lists := []*url.URL{f.base.JoinPath("2/core/latest/x86_64/mirror.list")}
		topics, err := f.topics(ctx)
		for _, t := range topics {
			lists = append(lists, f.base.JoinPath("2/extras", url.PathEscape(t), "latest/x86_64/mirror.list"))
		}
		return lists, err
	}
	return []*url.URL{f.base.JoinPath("al"+url.PathEscape(release), "core/mirrors/latest/x86_64/mirror.list")}, nil
}

// topics are the extras of Amazon Linux 2.
func (f *amazonFeed) topics(ctx context.Context) ([]string, error) {
	text, _, err := f.small(ctx, f.base.JoinPath("2/extras-catalog.json"))
	if errors.Is(err, ErrNoExport) {
		return nil, nil // a mirror of the core only
	}
	if err != nil {
		return nil, err
	}
	var catalog struct {
		Topics []struct {
			N string `json:"n"`
		} `json:"topics"`
	}
	if err := json.Unmarshal(text, &catalog); err != nil {
		return nil, fmt.Errorf("advisories: %s: not a catalogue of extras: %w", f.base.Redacted(), err)
	}
	if len(catalog.Topics) > maxTopics {
		return nil, fmt.Errorf("advisories: %s: a catalogue of %d extras", f.base.Redacted(), len(catalog.Topics))
	}
	var names []string
	for _, t := range catalog.Topics {
		if checkEcosystem(t.N) == nil {
			names = append(names, t.N)
		}
	}
	return names, nil
}

// repository asks the mirrors one after the other.
func (f *amazonFeed) repository(ctx context.Context, list *url.URL) ([]repository, error) {
	text, at, err := f.small(ctx, list)
	if err != nil {
		return nil, err
	}
	var failed error
	tried := 0
	for line := range strings.Lines(string(text)) {
		line = strings.ReplaceAll(strings.TrimSpace(line), "$basearch", "x86_64")
		mirror, err := at.Parse(strings.TrimSuffix(line, "/") + "/")
		if line == "" || tried == maxMirrors || err != nil || (mirror.Scheme != "http" && mirror.Scheme != "https") {
			continue
		}
		tried++
		found, err := f.updateinfo(ctx, list.Path, mirror)
		if err == nil || ctx.Err() != nil {
			return found, err
		}
		if failed == nil || errors.Is(failed, ErrNoExport) {
			failed = err
		}
	}
	if tried == 0 {
		return nil, fmt.Errorf("advisories: %s lists no mirror", list.Redacted())
	}
	return nil, failed
}

// updateinfo reads a repository's repomd.xml. A repository without updates has
// no updateinfo: that is no error.
func (f *amazonFeed) updateinfo(ctx context.Context, name string, mirror *url.URL) ([]repository, error) {
	text, at, err := f.small(ctx, mirror.JoinPath("repodata/repomd.xml"))
	if err != nil {
		return nil, err
	}
	var index struct {
		XMLName xml.Name `xml:"repomd"`
		Data    []struct {
			Type     string `xml:"type,attr"`
			Checksum struct {
				Type string `xml:"type,attr"`
				Text string `xml:",chardata"`
			} `xml:"checksum"`
			Location struct {
				Href string `xml:"href,attr"`
			} `xml:"location"`
		} `xml:"data"`
	}
	if err := xml.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("advisories: %s: %w", at.Redacted(), err)
	}
	for _, d := range index.Data {
		if d.Type != "updateinfo" {
			continue
		}
		href, err := url.Parse(d.Location.Href)
		if err != nil || href.IsAbs() || href.Host != "" || d.Location.Href == "" || d.Checksum.Text == "" {
			return nil, fmt.Errorf("advisories: %s does not say where its updateinfo is", at.Redacted())
		}
		sum := strings.TrimSpace(d.Checksum.Type) + " " + strings.ToLower(strings.TrimSpace(d.Checksum.Text))
		return []repository{{name: name, location: mirror.ResolveReference(href), checksum: sum}}, nil
	}
	return nil, nil
}

// take downloads an updateinfo and compares it with what repomd.xml says of it.
func (f *amazonFeed) take(ctx context.Context, c *collection, r repository) error {
	exp, err := f.download(ctx, r.location, Source{})
	if err != nil {
		return fmt.Errorf("advisories: %s: %w", r.location.Redacted(), err)
	}
	kind, want, _ := strings.Cut(r.checksum, " ")
	sum := map[string]func() hash.Hash{"sha256": sha256.New, "sha512": sha512.New}[kind]
	if sum == nil {
		sum = sha256.New // not comparable: Amazon Linux 1 has SHA-1
		want = ""
	}
	h := sum()
	err = c.add(r.name, io.TeeReader(io.NewSectionReader(exp, 0, exp.Source.Size), h))
	if got := hex.EncodeToString(h.Sum(nil)); err == nil && want != "" && got != want {
		err = fmt.Errorf("advisories: %s is not what repomd.xml says: its %s is %s, not %.128s", r.location.Redacted(), kind, got, want)
	}
	return errors.Join(err, exp.Close())
}

// small downloads a file that tells about others, and answers where it was.
func (f *amazonFeed) small(ctx context.Context, at *url.URL) ([]byte, *url.URL, error) {
	limited := *f.downloader
	limited.opts.MaxExportBytes = maxIndexBytes
	exp, err := limited.download(ctx, at, Source{})
	if errors.Is(err, ErrNoExport) {
		return nil, nil, ErrNoExport
	}
	if err != nil {
		return nil, nil, err
	}
	var text bytes.Buffer
	_, err = text.ReadFrom(io.NewSectionReader(exp, 0, exp.Source.Size))
	return text.Bytes(), at, errors.Join(err, exp.Close())
}
