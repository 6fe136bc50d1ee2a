package advisory

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// ExportName is where an ecosystem lies in the layout of the OSV bucket:
// "Debian:12/all.zip". It is the inverse of EcosystemAt.
func ExportName(ecosystem string) string {
	if file := riskFile(ecosystem); file != "" {
		return enrichmentDir + "/" + file
	}
	return ecosystem + "/" + exportName
}

// EcosystemAt answers what lies at a path of that layout.
func EcosystemAt(path string) (ecosystem string, ok bool) {
	for _, risk := range []string{KEV, EPSS} {
		if path == ExportName(risk) {
			return risk, true
		}
	}
	ecosystem, ok = strings.CutSuffix(path, "/"+exportName)
	return ecosystem, ok && checkEcosystem(ecosystem) == nil && !IsRisk(ecosystem) && ecosystem != enrichmentDir
}

// exportPage is how many entries are read at a time.
const exportPage = 1000

// writeExport writes the stored entries of a source as an export: what its feed
// has, as far as it is of use here. Equal entries make equal bytes.
func writeExport(ctx context.Context, store Store, src Source, tempDir string, w io.Writer) error {
	switch src.Ecosystem {
	case KEV:
		return writeKEV(ctx, store, src, w)
	case EPSS:
		return writeEPSS(ctx, store, src, w)
	}
	return writeRecords(ctx, store, src, tempDir, w)
}

// eachEntry reads a generation, but for its table of contents.
func eachEntry(ctx context.Context, store Store, src Source, visit func(Entry) error) error {
	for after := (Key{}); ; {
		page, err := store.Page(ctx, src.Ecosystem, src.Generation, after, exportPage)
		if err != nil {
			return err
		}
		for _, e := range page {
			after = Key{e.Package, e.ID}
			if e.Package == Contents {
				continue
			}
			if err := visit(e); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
	}
}

// writeRecords puts the entries of each record together again. They are stored
// by package, so all are written to a temporary file first, and what is kept in
// memory is only where.
func writeRecords(ctx context.Context, store Store, src Source, tempDir string, w io.Writer) (err error) {
	spool, err := temporary(tempDir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, spool.Close(), removeFile(spool.Name())) }()
	places, err := spoolEntries(ctx, store, src, spool)
	if err != nil {
		return err
	}
	slices.SortStableFunc(places, func(x, y place) int { return cmp.Compare(x.id, y.id) })
	archive, err := newZipWriter(w)
	if err != nil {
		return err
	}
	for len(places) > 0 {
		n := 1
		for n < len(places) && places[n].id == places[0].id {
			n++
		}
		if err := writeRecord(spool, places[:n], archive); err != nil {
			return err
		}
		if places = places[n:]; len(places)%1000 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return archive.close()
}

// place says where the data of an entry lies.
type place struct {
	id       string
	offset   int64
	length   int
	modified int64 // microseconds
}

func spoolEntries(ctx context.Context, store Store, src Source, spool io.Writer) ([]place, error) {
	var places []place
	offset := int64(0)
	buffered := bufio.NewWriterSize(spool, 256<<10)
	err := eachEntry(ctx, store, src, func(e Entry) error {
		modified := int64(0)
		if !e.Modified.IsZero() {
			modified = e.Modified.UnixMicro()
		}
		places = append(places, place{strings.Clone(e.ID), offset, len(e.Data), modified})
		offset += int64(len(e.Data))
		_, err := buffered.Write(e.Data)
		return err
	})
	return places, errors.Join(err, buffered.Flush())
}

func writeRecord(spool io.ReaderAt, places []place, archive *zipWriter) error {
	var whole *Record
	for _, p := range places {
		data := make([]byte, p.length)
		if _, err := spool.ReadAt(data, p.offset); err != nil {
			return err
		}
		e := Entry{ID: p.id, Data: data}
		if p.modified != 0 {
			e.Modified = time.UnixMicro(p.modified).UTC()
		}
		r, err := e.Record()
		if err != nil {
			return fmt.Errorf("advisory: stored advisory %s: %w", p.id, err)
		}
		if whole == nil {
			whole = r
		} else {
			whole.Affected = append(whole.Affected, r.Affected...)
		}
	}
	data, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	return archive.add(fileOf(whole.ID), data)
}

// fileOf names the file of a record. Ids are free text; one that is no name for
// a file is written as its digest.
func fileOf(id string) string {
	if strings.ContainsAny(id, `/\:`) || strings.HasPrefix(id, ".") || len(id) > 200 {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:])
	}
	return id + ".json"
}

func writeKEV(ctx context.Context, store Store, src Source, w io.Writer) error {
	type exploited struct {
		CveID     string `json:"cveID"`
		DateAdded string `json:"dateAdded"`
	}
	catalog := struct {
		Title           string      `json:"title"`
		DateReleased    time.Time   `json:"dateReleased"`
		Count           int         `json:"count"`
		Vulnerabilities []exploited `json:"vulnerabilities"`
	}{Title: "Known exploited vulnerabilities, as loaded by ecru", DateReleased: src.NewestModified, Vulnerabilities: []exploited{}}
	err := eachEntry(ctx, store, src, func(e Entry) error {
		var r risk
		err := json.Unmarshal(e.Data, &r)
		catalog.Vulnerabilities = append(catalog.Vulnerabilities, exploited{e.Package, r.Added})
		return err
	})
	if err != nil {
		return err
	}
	catalog.Count = len(catalog.Vulnerabilities)
	return json.NewEncoder(w).Encode(catalog)
}

func writeEPSS(ctx context.Context, store Store, src Source, w io.Writer) error {
	packed := gzip.NewWriter(w)
	buffered := bufio.NewWriter(packed)
	fmt.Fprintf(buffered, "#score_date:%s\ncve,epss,percentile\n", src.NewestModified.Format(time.RFC3339))
	err := eachEntry(ctx, store, src, func(e Entry) error {
		var r risk
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return err
		}
		number := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
		_, err := buffered.WriteString(e.Package + "," + number(r.EPSS) + "," + number(r.Percentile) + "\n")
		return err
	})
	return errors.Join(err, buffered.Flush(), packed.Close())
}

// Exporter makes exports of what is stored, each once: as long as the entries
// stay the same, the file that was made of them is answered again.
type Exporter struct {
	store Store
	dir   string
	turn  chan struct{} // held while one is made
}

// NewExporter makes an exporter that keeps its files in a directory, which is
// its own and is made when it is needed.
func NewExporter(store Store, dir string) *Exporter {
	return &Exporter{store: store, dir: dir, turn: make(chan struct{}, 1)}
}

// Archive is an export that was made. Its reader is at the begin.
type Archive struct {
	*os.File
	Source Source // of the entries; Digest and Size are those of the archive
}

// Sources lists what can be exported.
func (x *Exporter) Sources(ctx context.Context) ([]Source, error) {
	all, err := x.store.Sources(ctx)
	return slices.DeleteFunc(all, func(s Source) bool { return !s.Loaded() }), err
}

// Open answers the export of an ecosystem; ErrNoExport where nothing is loaded.
// The caller closes it.
func (x *Exporter) Open(ctx context.Context, ecosystem string) (*Archive, error) {
	for attempt := 0; ; attempt++ {
		all, err := x.Sources(ctx)
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(all, func(s Source) bool { return s.Ecosystem == ecosystem })
		if at < 0 {
			return nil, ErrNoExport
		}
		a, err := x.open(ctx, all[at])
		if errors.Is(err, ErrReplaced) && attempt < 3 {
			continue
		}
		return a, err
	}
}

func (x *Exporter) open(ctx context.Context, src Source) (*Archive, error) {
	prefix := x.prefix(src.Ecosystem)
	if a, err := x.made(src, prefix); a != nil || err != nil {
		return a, err
	}
	select {
	case x.turn <- struct{}{}:
		defer func() { <-x.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if a, err := x.made(src, prefix); a != nil || err != nil { // somebody was quicker
		return a, err
	}
	if err := x.make(ctx, src, prefix); err != nil {
		return nil, err
	}
	return x.made(src, prefix)
}

// prefix is what the files of an ecosystem begin with.
func (x *Exporter) prefix(ecosystem string) string {
	sum := sha256.Sum256([]byte(ecosystem))
	return hex.EncodeToString(sum[:8]) + "-"
}

// made opens the file of a generation, nil when there is none. Its name holds
// the digest of its content.
func (x *Exporter) made(src Source, prefix string) (*Archive, error) {
	names, err := x.files(prefix + strconv.FormatInt(src.Generation, 10) + "-")
	if err != nil || len(names) == 0 {
		return nil, err
	}
	file, err := os.Open(x.path(names[0]))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("advisories: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("advisories: %w", err)
	}
	src.Digest, src.Size = "sha256:"+names[0][strings.LastIndexByte(names[0], '-')+1:], info.Size()
	return &Archive{File: file, Source: src}, nil
}

func (x *Exporter) path(name string) string { return x.dir + string(os.PathSeparator) + name }

func (x *Exporter) files(prefix string) ([]string, error) {
	entries, err := os.ReadDir(x.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("advisories: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) && !strings.HasSuffix(e.Name(), unfinished) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// unfinished ends the names of files that are being written.
const unfinished = ".new"

// make writes the file of a generation and removes those of earlier ones.
func (x *Exporter) make(ctx context.Context, src Source, prefix string) (err error) {
	if err := os.MkdirAll(x.dir, 0o700); err != nil {
		return fmt.Errorf("advisories: %w", err)
	}
	old, err := x.files(prefix)
	if err != nil {
		return err
	}
	path := x.path(prefix + unfinished)
	sum := sha256.New()
	err = writeFile(path, func(w io.Writer) error {
		return writeExport(ctx, x.store, src, x.dir, io.MultiWriter(w, sum))
	})
	name := prefix + strconv.FormatInt(src.Generation, 10) + "-" + hex.EncodeToString(sum.Sum(nil))
	if err == nil {
		err = os.Rename(path, x.path(name))
	}
	if err != nil {
		return errors.Join(err, removeFile(path))
	}
	for _, o := range old {
		if o != name {
			err = errors.Join(err, removeFile(x.path(o)))
		}
	}
	return err
}

// writeFile writes a whole file.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("advisories: %w", err)
	}
	buffered := bufio.NewWriterSize(file, 256<<10)
	return errors.Join(write(buffered), buffered.Flush(), file.Sync(), file.Close())
}
