package main

import (
	"io"
	"strings"
)

// plainly is where people are told something that images, registries or
// advisories have a say in: what a terminal would obey does not get through.
// What is written at a time must be whole characters.
func plainly(to io.Writer) io.Writer { return plainWriter{to} }

type plainWriter struct{ to io.Writer }

// Write leaves line ends and tabs alone.
func (w plainWriter) Write(p []byte) (int, error) {
	lines := strings.SplitAfter(string(p), "\n")
	for i, line := range lines {
		cells := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		for j := range cells {
			cells[j] = printable(cells[j])
		}
		if text := strings.Join(cells, "\t"); strings.HasSuffix(line, "\n") {
			lines[i] = text + "\n"
		} else {
			lines[i] = text
		}
	}
	if _, err := io.WriteString(w.to, strings.Join(lines, "")); err != nil {
		return 0, err
	}
	return len(p), nil
}
