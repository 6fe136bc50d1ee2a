package match

import (
	"strings"

	"github.com/ecru-registry/ecru/internal/scan/advisory"
)

// Many programs in Go are released under tags that are no versions of their
// modules: Grafana 11.6.2 is github.com/grafana/grafana, which as a module never
// came beyond v0. Binaries and bills of materials name the tag nevertheless. Go's
// vulnerability database keeps ranges of such tags apart (custom_ranges), and as
// ranges of the module it gives "all versions", or versions that stand for
// commits. Compared with those, every Grafana would be affected for ever.

// tagRanges reads ranges of tags; nothing when they leave an end open, as those
// do whose other end is a version of the module.
func tagRanges(rel *release, pkg string, all []advisory.Range) []versionRange {
	var tags []versionRange
	for _, g := range all {
		vr, err := parseRange(rel, pkg, g)
		if err != nil || len(vr.events) == 0 {
			return nil
		}
		tags = append(tags, vr)
	}
	if neverEnds(tags) {
		return nil
	}
	return tags
}

// rangesFor are the ranges by which an installed version is judged. Where the
// module's never end, its tags tell the end; where they end at a version that
// stands for a commit, they cannot be compared with a tag.
func (s *span) rangesFor(in *installed) []versionRange {
	if len(s.tags) == 0 || in.version == nil || isPseudoVersion(in.text) {
		return s.ranges
	}
	tag := goMajor(in.text) > 1
	switch {
	case neverEnds(s.ranges):
		if tag && !hasTags(s.tags) || !s.inRanges(in) {
			return s.ranges
		}
		return s.tags
	case tag && !hasTags(s.ranges):
		return s.tags
	}
	return s.ranges
}

// inRanges reports whether the version is in the ranges of the module.
func (s *span) inRanges(in *installed) bool {
	for i := range s.ranges {
		if from, _, err := s.ranges[i].around(in); err == nil && from != nil {
			return true
		}
	}
	return false
}

// neverEnds reports whether the highest versions are affected.
func neverEnds(all []versionRange) bool {
	for i := range all {
		if n := len(all[i].events); n > 0 && all[i].events[n-1].kind == introduced {
			return true
		}
	}
	return false
}

// hasTags reports whether a bound is above all versions that stand for commits.
func hasTags(all []versionRange) bool {
	for i := range all {
		for j := range all[i].events {
			if goMajor(all[i].events[j].text) > 1 {
				return true
			}
		}
	}
	return false
}

// isPseudoVersion knows versions that stand for commits:
// v0.0.0-20220624214902-1bab6f366d9e, v1.2.4-0.20191109021931-daa7c04131f5.
func isPseudoVersion(version string) bool {
	version, _, _ = strings.Cut(version, "+")
	i := strings.LastIndexByte(version, '-')
	if i < 15 || len(version)-i-1 != 12 || strings.Trim(version[i+1:], "0123456789abcdef") != "" {
		return false
	}
	return strings.Trim(version[i-14:i], "0123456789") == "" && (version[i-15] == '-' || version[i-15] == '.')
}

// goMajor is 2 of v2.8.1, and 2 for everything above.
func goMajor(version string) int {
	first, _, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	switch first {
	case "", "0":
		return 0
	case "1":
		return 1
	}
	return 2
}
