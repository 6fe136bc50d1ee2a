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
	if s.modular != in.modular {
		return false
	}
	name, rest, found := strings.Cut(in.module, ":")
	if !in.modular || !found {
		return true
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

// isModular: the version of a fix tells what it was built for.
func (s *span) isModular() bool {
	for _, g := range s.ranges {
		for _, b := range g.events {
			if b.kind == fixed && isModular(b.text) {
				return true
			}
		}
	}
	return false
}

// moduleStreams finds the streams in a title such as "Important: nodejs:16
// security update".
func moduleStreams(title string) []string {
	var streams []string
	for _, token := range strings.Fields(title) {
		token = strings.Trim(token, ",.;()")
		name, stream, found := strings.Cut(token, ":")
		if found && name != "" && stream != "" && !strings.Contains(stream, ":") {
			streams = append(streams, token)
		}
	}
	return streams
}
