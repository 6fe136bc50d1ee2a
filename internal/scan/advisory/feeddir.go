package advisory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// dirFeed reads exports from a directory.
type dirFeed struct {
	dir  string
	opts FeedOptions
}

func (f *dirFeed) Location(string) string { return f.dir }

// Fetch opens a file. An unchanged one is told by its size and time or, when it
// was only touched or copied, by its digest.
func (f *dirFeed) Fetch(ctx context.Context, ecosystem string, have Source) (*Export, error) {
	if err := checkEcosystem(ecosystem); err != nil {
		return nil, err
	}
	path, err := f.path(ecosystem)
	if err != nil {
		return nil, err
	}
	exp, err := openFile(ctx, path, have, f.opts)
	if err == nil {
		exp.read = riskReader(ecosystem)
	}
	return exp, err
}

// path is where the directory has an export. The daily files of EPSS have dates
// in their names: the last counts.
func (f *dirFeed) path(ecosystem string) (string, error) {
	switch ecosystem {
	case KEV:
		return filepath.Join(f.dir, enrichmentDir, kevFile), nil
	case EPSS:
		found, err := filepath.Glob(filepath.Join(globQuote(f.dir), enrichmentDir, "epss_scores*.csv*"))
		if err != nil || len(found) == 0 {
			return filepath.Join(f.dir, enrichmentDir, epssFile), err
		}
		return slices.Max(found), nil
	}
	return filepath.Join(f.dir, ecosystem, exportName), nil
}

// openFile opens an export that is a file.
func openFile(ctx context.Context, path string, have Source, opts FeedOptions) (*Export, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoExport
	}
	if err != nil {
		return nil, fmt.Errorf("advisories: %w", err)
	}
	src, err := describe(ctx, file, path, have, opts.MaxExportBytes)
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Export{ReaderAt: file, Source: src, close: file.Close}, nil
}

func describe(ctx context.Context, file *os.File, path string, have Source, limit int64) (Source, error) {
	info, err := file.Stat()
	switch {
	case err != nil:
		return Source{}, fmt.Errorf("advisories: %w", err)
	case !info.Mode().IsRegular():
		return Source{}, fmt.Errorf("advisories: %s is not a regular file", path)
	case info.Size() > limit:
		return Source{}, fmt.Errorf("advisories: %s has %d bytes, the limit is %d", path, info.Size(), limit)
	}
	src := Source{Location: path, Size: info.Size(), LastModified: info.ModTime().UTC().Format(time.RFC3339Nano)}
	if have.Loaded() && have.Location == src.Location && have.Size == src.Size && have.LastModified == src.LastModified {
		return src, ErrNotModified
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, &contextReader{ctx, file}); err != nil {
		return Source{}, fmt.Errorf("advisories: %w", err)
	}
	src.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	if have.Loaded() && have.Digest == src.Digest {
		return src, ErrNotModified
	}
	return src, nil
}

// Ecosystems lists the subdirectories that hold an export.
func (f *dirFeed) Ecosystems(context.Context) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(globQuote(f.dir), "*", exportName))
	if err != nil {
		return nil, fmt.Errorf("advisories: %w", err)
	}
	names := make([]string, 0, len(found))
	for _, path := range found {
		if name := filepath.Base(filepath.Dir(path)); checkEcosystem(name) == nil && !packageless(name) {
			names = append(names, name)
		}
	}
	for _, ecosystem := range []string{KEV, EPSS} {
		path, err := f.path(ecosystem)
		if err != nil {
			return nil, fmt.Errorf("advisories: %w", err)
		}
		if _, err := os.Stat(path); err == nil {
			names = append(names, ecosystem)
		}
	}
	slices.Sort(names)
	return names, nil
}

// packageless tells the exports that are not about packages: records about
// commits only, and records about nothing.
func packageless(ecosystem string) bool { return ecosystem == "GIT" || ecosystem == "[EMPTY]" }

// globQuote keeps the directory's own name from being read as a pattern.
func globQuote(path string) string {
	var quoted []rune
	for _, c := range path {
		if c == '*' || c == '?' || c == '[' || c == '\\' {
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, c)
	}
	return string(quoted)
}

// contextReader stops reading when the context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
