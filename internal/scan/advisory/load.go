package advisory

import (
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
	MaxRecords     int   // files or records in an export; default 1,000,000
	MaxRecordBytes int64 // one record, inflated; default 8 MiB
	MaxTotalBytes  int64 // all records, inflated; default 16 GiB
}

func (l Limits) withDefaults() Limits {
	if l.MaxRecords <= 0 {
		l.MaxRecords = 1_000_000
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
	imp, err := store.BeginImport(ctx, ecosystem)
	if err != nil {
		return o, err
	}
	defer func() {
		if err != nil { // the context may be why it failed; the clean-up must run all the same
			err = errors.Join(err, imp.Abort(context.WithoutCancel(ctx)))
		}
	}()
	l := &loader{imp: imp, ecosystem: ecosystem, lim: lim, source: exp.Source, releases: map[string]bool{}, report: report}
	read := exp.read
	if read == nil {
		read = readRecords
	}
	if err := read(ctx, exp, l); err != nil {
		return o, fmt.Errorf("advisories: %s: %w", exp.Source.Location, err)
	}
	if err := l.finish(ctx, now); err != nil {
		return o, err
	}
	report(Progress{Ecosystem: ecosystem, Stage: "import", Done: l.done, Total: l.done})
	return Outcome{
		Ecosystem: ecosystem, Changed: true, Records: l.source.Records, Entries: l.source.Entries,
		Withdrawn: l.withdrawn, Rejected: l.rejected, FirstRejection: l.firstRejection,
	}, nil
}

// reader hands what is in an export to a loader.
type reader func(ctx context.Context, exp *Export, l *loader) error

// loader carries one import from records to batches.
type loader struct {
	imp       Import
	ecosystem string
	lim       Limits
	source    Source
	report    func(Progress)

	done, expected int
	total          int64
	releases       map[string]bool
	batch          []Entry
	bytes          int
	withdrawn      int64
	rejected       int64
	firstRejection error
}

// readRecords reads a zip of OSV records.
func readRecords(ctx context.Context, exp *Export, l *loader) error {
	archive, err := openZip(exp, exp.Source.Size)
	if err != nil {
		return err
	}
	l.expected = int(min(archive.total, uint64(l.lim.MaxRecords)))
	var buf bytes.Buffer
	for {
		f, err := archive.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = l.step(ctx)
		}
		if err != nil {
			return err
		}
		if !strings.HasSuffix(f.name, ".json") || strings.HasPrefix(path.Base(f.name), ".") {
			continue
		}
		if buf.Cap() > 1<<20 {
			buf = bytes.Buffer{} // one giant must not be paid for until the end
		}
		if err := l.file(ctx, archive, f, &buf); err != nil {
			return fmt.Errorf("%.128s: %w", f.name, err)
		}
	}
}

func (l *loader) file(ctx context.Context, archive *zipReader, f zipFile, buf *bytes.Buffer) error {
	buf.Reset()
	err := archive.read(f, buf, l.lim.MaxRecordBytes)
	if errors.Is(err, errTooLong) {
		return fmt.Errorf("a record of more than %d bytes", l.lim.MaxRecordBytes)
	}
	if err == nil {
		err = l.count(int64(buf.Len()))
	}
	if err != nil {
		return err
	}
	r, err := DecodeRecord(buf.Bytes())
	if err != nil {
		// One unreadable record must not keep thousands of good ones out.
		l.reject(f.name, err)
		return nil
	}
	return l.record(ctx, r)
}

// step is called for every record before it is read.
func (l *loader) step(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if l.done++; l.done > l.lim.MaxRecords {
		return fmt.Errorf("more than %d files: the limit is %d", l.lim.MaxRecords, l.lim.MaxRecords)
	}
	if l.done%1000 == 1 {
		l.report(Progress{Ecosystem: l.ecosystem, Stage: "import", Done: l.done - 1, Total: max(l.expected, l.done)})
	}
	return nil
}

// count adds to what was inflated.
func (l *loader) count(n int64) error {
	if l.total += n; l.total > l.lim.MaxTotalBytes {
		return fmt.Errorf("more than %d bytes of records", l.lim.MaxTotalBytes)
	}
	return nil
}

func (l *loader) reject(name string, why error) {
	l.rejected++
	if l.firstRejection == nil {
		l.firstRejection = fmt.Errorf("%.128s: %w", name, why)
	}
}

func (l *loader) record(ctx context.Context, r *Record) error {
	entries, err := r.Split(l.ecosystem)
	if !r.Withdrawn.IsZero() {
		l.withdrawn++
		if err != nil {
			return err
		}
		// Kept for those who ask why it is no finding; matching passes over it.
		return l.queue(ctx, entries)
	}
	if err != nil || len(entries) == 0 {
		return err
	}
	for _, a := range r.Affected {
		if Within(a.Package.Ecosystem, l.ecosystem) {
			l.releases[a.Package.Ecosystem] = true
		}
	}
	l.dated(r.Modified)
	return l.add(ctx, entries)
}

// dated notes the date of a record.
func (l *loader) dated(at time.Time) {
	if at.After(l.source.NewestModified) {
		l.source.NewestModified = at.UTC()
	}
}

// add queues the entries of one record and writes full batches.
func (l *loader) add(ctx context.Context, entries []Entry) error {
	l.source.Records++
	l.source.Entries += int64(len(entries))
	return l.queue(ctx, entries)
}

func (l *loader) queue(ctx context.Context, entries []Entry) error {
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
		if err := l.queue(ctx, []Entry{e}); err != nil {
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
	if l.source.FetchedAt.IsZero() {
		l.source.FetchedAt = now
	}
	l.source.LastAttempt, l.source.LastError = l.source.FetchedAt, ""
	return l.imp.Commit(ctx, l.source)
}
