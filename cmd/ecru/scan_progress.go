package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// scanProgress is a bar on a terminal for work that takes a while, and nothing
// anywhere else.
type scanProgress struct {
	out io.Writer // nil: nothing is shown

	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	title string
}

func (f *imageFlags) newProgress(s streams) *scanProgress {
	if f.Quiet || !isTerminal(s.err) {
		return &scanProgress{}
	}
	return &scanProgress{out: s.err}
}

// layers shows how many bytes of the image were read.
func (p *scanProgress) layers() func(done, total int64) {
	if p.out == nil {
		return nil
	}
	return func(done, total int64) {
		p.show("Reading layers", done, total, true)
	}
}

// advisories shows how far loading is.
func (p *scanProgress) advisories() func(advisory.Progress) {
	if p.out == nil {
		return nil
	}
	return func(now advisory.Progress) {
		verb := "Loading"
		if now.Stage == "fetch" {
			verb = "Fetching"
		}
		p.show(fmt.Sprintf("%s advisories of %s", verb, now.Ecosystem), int64(now.Done), int64(now.Total), now.Stage == "fetch")
	}
}

// show moves the bar; another title begins a new one. Work that is done quickly
// never shows any.
func (p *scanProgress) show(title string, done, total int64, inBytes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if total <= 0 {
		total = -1
	}
	if p.bar == nil || p.title != title {
		p.clear()
		p.title = title
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(title), progressbar.OptionShowBytes(inBytes),
			progressbar.OptionShowCount(), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(), progressbar.OptionUseANSICodes(false),
		)
	}
	if p.bar.GetMax64() != total && total > 0 {
		p.bar.ChangeMax64(total)
	}
	_ = p.bar.Set64(done) // a terminal that is gone does not stop the work
}

// finish takes the bar away. It can be called again.
func (p *scanProgress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
}

func (p *scanProgress) clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
		p.bar = nil
	}
}
