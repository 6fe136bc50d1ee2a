package inventory

import (
	"strings"
	"unicode/utf8"
)

// maxLanguageText bounds text files of languages; they are held in memory as a whole.
const maxLanguageText = 16 << 20

// languageExtractors are those of files that package managers of languages leave behind. Lock files are not among them:
// they say what somebody would install.
//
// They are our own and not those of osv-scalibr, which read npm's files into maps (ten times the time, in trees of tens
// of thousands), take an application's own package.json and the fixtures in tests for installed packages, report .NET
// projects as packages, and end at the first line longer than 64 KiB. They are the oracle of our tests.
func languageExtractors() []extractor {
	return []extractor{
		{kind: KindNPM, wants: wantsNPM, parse: parseNPM, installed: installedNPM},
		{kind: KindNPM, wants: wantsPNPMStore, parse: parsePNPMStore, installed: nowhere},
		{kind: KindPyPI, wants: wantsPython, parse: parsePython},
		{kind: KindPyPI, wants: wantsEgg, parse: parseEgg},
		{kind: KindGem, wants: wantsGem, parse: parseGem},
		{kind: KindComposer, wants: wantsComposer, parse: parseComposer},
		{kind: KindNuGet, wants: wantsDotNet, parse: parseDotNet},
		{kind: KindMaven, wants: wantsJava, parse: parseJava},
	}
}

// nowhere is for files that only matter through hard links to them.
func nowhere(string, *Package) bool { return false }

// whole gives the whole file, valid until the parser returns.
func (in *input) whole(most int64) ([]byte, error) {
	if in.size > most {
		return nil, fail(ReasonLimit, "larger than %d bytes", most)
	}
	body, more, err := in.spool.fill(in.r, min(in.size, most))
	if err == nil && (more || int64(len(body)) > most) {
		err = fail(ReasonLimit, "larger than %d bytes", most)
	}
	return body, err
}

// one is the result of parsers of files that are about one package. Without a name or a version there is none.
func (in *input) one(name, version string) ([]Package, error) { return in.add(nil, name, version) }

// add appends a package of a language. What cannot be a name or a version makes no package.
func (in *input) add(packages []Package, name, version string) ([]Package, error) {
	if !isWord(name) || !isWord(version) {
		return packages, nil
	}
	p := Package{Name: name, Version: version, SourceName: name, SourceVersion: version}
	if err := in.take(&p); err != nil {
		return nil, err
	}
	return append(packages, p), nil
}

// isWord says whether a text can be a name or a version in any language: it is short, and has neither white space nor
// control characters.
func isWord(s string) bool {
	return s != "" && len(s) <= maxField && utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}
