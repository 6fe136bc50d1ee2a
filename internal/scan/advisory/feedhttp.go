package advisory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"
)

// httpFeed downloads exports from a server with the layout of the OSV bucket.
type httpFeed struct {
	base *url.URL
	*downloader
}

func newHTTPFeed(base *url.URL, opts FeedOptions) *httpFeed {
	return &httpFeed{base: base, downloader: newDownloader(opts)}
}

func (f *httpFeed) Location(string) string { return f.base.Redacted() }

// Ecosystems: a web server has no standard way to list.
func (f *httpFeed) Ecosystems(context.Context) ([]string, error) { return nil, nil }

func (f *httpFeed) Fetch(ctx context.Context, ecosystem string, have Source) (*Export, error) {
	if err := checkEcosystem(ecosystem); err != nil {
		return nil, err
	}
	target := f.base.JoinPath(url.PathEscape(ecosystem), exportName)
	if name := riskFile(ecosystem); name != "" {
		target = f.base.JoinPath(enrichmentDir, name)
	}
	exp, err := f.download(ctx, target, have)
	if err == nil {
		exp.read = riskReader(ecosystem)
	}
	return exp, err
}

// downloader fetches files.
type downloader struct {
	client *http.Client
	opts   FeedOptions
}

func newDownloader(opts FeedOptions) *downloader {
	client := opts.Client
	if client == nil {
		client = &http.Client{Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
			TLSHandshakeTimeout:   15 * time.Second,
			ResponseHeaderTimeout: time.Minute,
			IdleConnTimeout:       30 * time.Second,
			MaxIdleConns:          2,
			ForceAttemptHTTP2:     true,
		}}
	}
	return &downloader{client: client, opts: opts}
}

// download saves to a temporary file: the directory of a zip is at its end, and
// an import must not keep a connection open while a database takes its time.
func (f *downloader) download(ctx context.Context, target *url.URL, have Source) (*Export, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	res, location, err := f.request(ctx, target, have)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if err := f.checkResponse(res); err != nil {
		return nil, err
	}
	idle := time.AfterFunc(f.opts.IdleTimeout, func() {
		cancel(fmt.Errorf("advisories: %s: no data for %v", location, f.opts.IdleTimeout))
	})
	defer idle.Stop()
	body := &watchedReader{r: res.Body, progress: func() { idle.Reset(f.opts.IdleTimeout) }}
	exp, err := f.save(body, res, location, have)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return exp, err
}

func (f *downloader) request(ctx context.Context, target *url.URL, have Source) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, "", fmt.Errorf("advisories: %w", err)
	}
	location := target.Redacted()
	req.Header.Set("User-Agent", f.opts.UserAgent)
	// Another mirror's validators mean nothing here, so they are sent only
	// to where they came from.
	if have.Loaded() && have.Location == location {
		if have.ETag != "" {
			req.Header.Set("If-None-Match", have.ETag)
		}
		if have.LastModified != "" {
			req.Header.Set("If-Modified-Since", have.LastModified)
		}
	}
	res, err := f.client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("advisories: %w", err)
	}
	return res, location, nil
}

func (f *downloader) checkResponse(res *http.Response) error {
	switch {
	case res.StatusCode == http.StatusNotModified:
		return unchanged(res)
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return ErrNoExport
	case res.StatusCode != http.StatusOK:
		return fmt.Errorf("advisories: %s answered %s", res.Request.URL.Redacted(), res.Status)
	case res.ContentLength > f.opts.MaxExportBytes:
		return f.tooLarge(res.Request.URL.Redacted())
	}
	return nil
}

func (f *downloader) tooLarge(location string) error {
	return fmt.Errorf("advisories: %s is larger than the limit of %d bytes", location, f.opts.MaxExportBytes)
}

// save copies the body to a temporary file that lives as long as the export.
func (f *downloader) save(body io.Reader, res *http.Response, location string, have Source) (*Export, error) {
	file, err := temporary(f.opts.TempDir)
	if err != nil {
		return nil, err
	}
	remove := func() error { return errors.Join(file.Close(), removeFile(file.Name())) }
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(body, f.opts.MaxExportBytes+1))
	switch {
	case err != nil:
		err = fmt.Errorf("advisories: download %s: %w", location, err)
	case n > f.opts.MaxExportBytes:
		err = f.tooLarge(location)
	}
	src := Source{
		Location: location, Size: n, Digest: "sha256:" + hex.EncodeToString(sum.Sum(nil)),
		ETag: header(res, "ETag"), LastModified: header(res, "Last-Modified"), FetchedAt: checkedAt(res),
	}
	if err == nil && have.Loaded() && have.Digest == src.Digest {
		err = unchanged(res)
	}
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	return &Export{ReaderAt: file, Source: src, close: remove}, nil
}

// CheckedHeader is where another ecru says when its advisories were last known
// to be what their feed has: what it hands on is not younger for that.
const CheckedHeader = "Ecru-Advisories-Checked"

// checkedAt is what another ecru says, zero of other servers. Nothing is known
// to be as it was in the future.
func checkedAt(res *http.Response) time.Time {
	at, err := time.Parse(time.RFC3339, res.Header.Get(CheckedHeader))
	if err != nil || at.After(time.Now()) {
		return time.Time{}
	}
	return at.UTC()
}

func unchanged(res *http.Response) error {
	if at := checkedAt(res); !at.IsZero() {
		return &unchangedError{checked: at}
	}
	return ErrNotModified
}

// temporary makes a file. Where the system allows it the name goes at once, so
// that not even a crash leaves the file behind; elsewhere it goes with removeFile.
func temporary(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "ecru-advisories-*")
	if err != nil {
		return nil, fmt.Errorf("advisories: %w", err)
	}
	_ = os.Remove(file.Name())
	return file, nil
}

// header returns a validator that can be stored and sent back.
func header(res *http.Response, name string) string {
	if v := res.Header.Get(name); plain(v, 512) {
		return v
	}
	return ""
}

func removeFile(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// watchedReader reports progress.
type watchedReader struct {
	r        io.Reader
	progress func()
}

func (w *watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.progress()
	}
	return n, err
}
