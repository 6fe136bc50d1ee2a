package advisory

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// Limits bound what one export may cost; zero values mean the defaults.
type Limits struct {
	MaxRecords     int   // files in an export; default 500,000
	MaxRecordBytes int64 // one record, inflated; default 8 MiB
	MaxTotalBytes  int64 // all records, inflated; default 16 GiB
}

func (l Limits) withDefaults() Limits {
	if l.MaxRecords <= 0 {
		l.MaxRecords = 500_000
	}
	if l.MaxRecordBytes <= 0 {
		l.MaxRecordBytes = 8 << 20
	}
	if l.MaxTotalBytes <= 0 {
		l.MaxTotalBytes = 16 << 30
	}
	return l
}

// Batches of this size keep a writer busy for milliseconds.
const (
	batchEntries = 500
	batchBytes   = 1 << 20
)

// Progress tells how far an update is. Total is 0 while it is not known.
type Progress struct {
	Ecosystem string
	Stage     string // "fetch" or "import"
	Done      int
	Total     int
}

// load replaces the entries of an ecosystem with an export. Whatever fails, the
// entries of before stay.
func load(ctx context.Context, store Store, exp *Export, ecosystem string, lim Limits, now time.Time, report func(Progress)) (o Outcome, err error) {
	archive, err := openZip(exp, lim)
	if err != nil {
		return o, err
	}
	imp, err := store.BeginImport(ctx, ecosystem)
	if err != nil {
		return o, err
	}
	defer func() {
		if err != nil { // the context may be why it failed; the clean-up must run all the same
			err = errors.Join(err, imp.Abort(context.WithoutCancel(ctx)))
		}
	}()
	l := &loader{imp: imp, ecosystem: ecosystem, lim: lim, source: exp.Source, releases: map[string]bool{}}
	for i, f := range archive.File {
		if err := l.file(ctx, f); err != nil {
			return o, fmt.Errorf("advisories: %s: %s: %w", exp.Source.Location, f.Name, err)
		}
		if i%1000 == 0 {
			report(Progress{Ecosystem: ecosystem, Stage: "import", Done: i, Total: len(archive.File)})
		}
	}
	if err := l.finish(ctx, now); err != nil {
		return o, err
	}
	report(Progress{Ecosystem: ecosystem, Stage: "import", Done: len(archive.File), Total: len(archive.File)})
	return Outcome{
		Ecosystem: ecosystem, Changed: true, Records: l.source.Records, Entries: l.source.Entries,
		Withdrawn: l.withdrawn, Rejected: l.rejected, FirstRejection: l.firstRejection,
	}, nil
}

// loader carries one import from files to batches.
type loader struct {
	imp       Import
	ecosystem string
	lim       Limits
	source    Source

	buf            bytes.Buffer
	total          int64
	releases       map[string]bool
	batch          []Entry
	bytes          int
	withdrawn      int64
	rejected       int64
	firstRejection error
}

func (l *loader) file(ctx context.Context, f *zip.File) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !strings.HasSuffix(f.Name, ".json") || strings.HasPrefix(path.Base(f.Name), ".") {
		return nil
	}
	if err := l.inflate(f); err != nil {
		return err
	}
	r, err := DecodeRecord(l.buf.Bytes())
	if err != nil {
		// One unreadable record must not keep thousands of good ones out.
		l.rejected++
		if l.firstRejection == nil {
			l.firstRejection = fmt.Errorf("%.128s: %w", f.Name, err)
		}
		return nil
	}
	return l.record(ctx, r)
}

// inflate reads one file into the loader's buffer, whatever its header says.
func (l *loader) inflate(f *zip.File) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	if l.buf.Cap() > 1<<20 {
		l.buf = bytes.Buffer{} // one giant must not be paid for until the end
	}
	l.buf.Reset()
	n, err := l.buf.ReadFrom(io.LimitReader(in, l.lim.MaxRecordBytes+1))
	l.total += n
	switch {
	case err != nil:
		return err
	case n > l.lim.MaxRecordBytes:
		return fmt.Errorf("a record of more than %d bytes", l.lim.MaxRecordBytes)
	case l.total > l.lim.MaxTotalBytes:
		return fmt.Errorf("more than %d bytes of records", l.lim.MaxTotalBytes)
	}
	return nil
}

func (l *loader) record(ctx context.Context, r *Record) error {
	if !r.Withdrawn.IsZero() {
		l.withdrawn++
		return nil
	}
	entries, err := r.Split(l.ecosystem)
	if err != nil || len(entries) == 0 {
		return err
	}
	l.source.Records++
	l.source.Entries += int64(len(entries))
	for _, a := range r.Affected {
		if Within(a.Package.Ecosystem, l.ecosystem) {
			l.releases[a.Package.Ecosystem] = true
		}
	}
	if r.Modified.After(l.source.NewestModified) {
		l.source.NewestModified = r.Modified.UTC()
	}
	return l.add(ctx, entries)
}

// add queues entries and writes full batches.
func (l *loader) add(ctx context.Context, entries []Entry) error {
	for _, e := range entries {
		l.batch = append(l.batch, e)
		l.bytes += len(e.Data)
		if len(l.batch) >= batchEntries || l.bytes >= batchBytes {
			if err := l.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// contents writes what releases the export speaks of.
func (l *loader) contents(ctx context.Context) error {
	for release := range l.releases {
		e := Entry{Package: Contents, ID: release, Modified: l.source.NewestModified, Data: []byte("{}")}
		if err := l.add(ctx, []Entry{e}); err != nil {
			return err
		}
	}
	return l.flush(ctx)
}

func (l *loader) flush(ctx context.Context) error {
	if len(l.batch) == 0 {
		return nil
	}
	if err := l.imp.Add(ctx, l.batch); err != nil {
		return err
	}
	clear(l.batch)
	l.batch, l.bytes = l.batch[:0], 0
	return nil
}

func (l *loader) finish(ctx context.Context, now time.Time) error {
	if l.source.Records == 0 && l.rejected > 0 {
		return fmt.Errorf("advisories: %s: no usable record: %w", l.source.Location, l.firstRejection)
	}
	if err := l.contents(ctx); err != nil {
		return err
	}
	l.source.FetchedAt, l.source.LastAttempt, l.source.LastError = now, now, ""
	return l.imp.Commit(ctx, l.source)
}

// A file takes about this many bytes in the directory of a zip (46 and its
// name). archive/zip keeps the whole directory in memory, so reading it gets a
// budget before anybody believes its counts.
const directoryBytesPerFile = 160

func openZip(exp *Export, lim Limits) (*zip.Reader, error) {
	budget := &budgetReader{r: exp, left: int64(lim.MaxRecords)*directoryBytesPerFile + 1<<17}
	archive, err := zip.NewReader(budget, exp.Source.Size)
	if budget.exceeded {
		err = fmt.Errorf("a directory of more than %d files", lim.MaxRecords)
	}
	if err == nil && len(archive.File) > lim.MaxRecords {
		err = fmt.Errorf("%d files, the limit is %d", len(archive.File), lim.MaxRecords)
	}
	if err != nil {
		return nil, fmt.Errorf("advisories: %s: %w", exp.Source.Location, err)
	}
	budget.left = -1
	return archive, nil
}

// budgetReader fails after left bytes, until left is set to -1.
type budgetReader struct {
	r        io.ReaderAt
	left     int64
	exceeded bool
}

func (b *budgetReader) ReadAt(p []byte, off int64) (int, error) {
	if b.left >= 0 {
		if int64(len(p)) > b.left {
			b.exceeded = true
			return 0, errors.New("zip directory too large")
		}
		b.left -= int64(len(p))
	}
	return b.r.ReadAt(p, off)
}
