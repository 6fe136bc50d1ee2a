package match

import (
	"slices"
	"strings"
)

// Packages of module streams (modularity of RHEL 8 and 9) come in parallel
// versions. An advisory about nodejs:16 says nothing about a package of
// nodejs:18, nor one about a modular build about the plain package.

// isModular reports whether a version was built for a module.
func isModular(version string) bool {
	return strings.Contains(version, ".module+el") || strings.Contains(version, ".module_el") || strings.Contains(version, ".module_f")
}

// sameStream reports whether the span can be about the installed package.
func (r *rule) sameStream(s *span, in *installed) bool {
	if s.fixes && s.modular != in.modular {
		return false
	}
	name, rest, labelled := strings.Cut(in.module, ":")
	if !labelled {
		return s.series == "" || inSeries(in.text, s.series)
	}
	stream, _, _ := strings.Cut(rest, ":")
	named := false
	for _, token := range r.streams {
		if n, _, _ := strings.Cut(token, ":"); n == name {
			named = true
		}
	}
	return !named || slices.Contains(r.streams, name+":"+stream)
}

// place finds out by its fixes to which of several series of the package, that
// exist beside each other, a span belongs: builds for modules, and what Amazon
// Linux 2 has beside its core under the name of a topic (ALAS2PHP8.1-2023-001).
func (s *span) place(id string, streams []string) {
	var topic string
	if prefix, _, found := strings.Cut(id, "-"); found && strings.HasPrefix(prefix, "ALAS2") {
		topic = strings.TrimLeft(strings.TrimPrefix(prefix, "ALAS2"), "ABCDEFGHIJKLMNOPQRSTUVWXYZ_")
	}
	for _, g := range s.ranges {
		for _, b := range g.events {
			if b.kind != fixed {
				continue
			}
			s.fixes = true
			if inSeries(b.text, topic) {
				s.series = topic
			}
			if !isModular(b.text) {
				continue // "python3.9:3.9.21" in a title is a version, not a stream
			}
			s.modular = true
			for _, token := range streams {
				if _, stream, _ := strings.Cut(token, ":"); inSeries(b.text, stream) {
					s.series = stream
				}
			}
		}
	}
}

// inSeries: 8.1.14-1 is in the series 8.1.
func inSeries(version, series string) bool {
	if series == "" || !isDigit(series[0]) {
		return false
	}
	if _, bare, found := strings.Cut(version, ":"); found {
		version = bare
	}
	rest, found := strings.CutPrefix(version, series)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '-')
}

// hasMark finds ".el9_2" in "3.0.7-18.el9_2.1", but not in "…el9_20".
func hasMark(version, mark string) bool {
	_, rest, found := strings.Cut(version, mark)
	return found && (rest == "" || rest[0] < '0' || rest[0] > '9' || !isDigit(mark[len(mark)-1]))
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// moduleStreams finds the streams in a title such as "Important: nodejs:16
// security update".
func moduleStreams(title string) []string {
	var streams []string
	for _, token := range strings.Fields(title) {
		token = strings.Trim(token, ",.;()")
		name, stream, found := strings.Cut(token, ":")
		stream, _, _ = strings.Cut(stream, "/") // "httpd:2.4/mod_http2" is a package of the stream
		if found && name != "" && stream != "" && !strings.Contains(stream, ":") {
			streams = append(streams, name+":"+stream)
		}
	}
	return streams
}
