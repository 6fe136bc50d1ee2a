package inventory

import (
	"bufio"
	"bytes"
	"crypto/md5" //nolint:gosec // the classes of log4j are known by these sums
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Bounds of Java archives. What archives within archives unpack to is bounded by the layer's budget as well.
const (
	javaDepth     = 8       // archives within archives; those of application servers are 3 deep
	javaItems     = 65_536  // entries of one archive that are looked at
	javaItemNames = 8 << 20 // bytes of their names
	javaSmall     = 1 << 20 // bytes of a manifest, pom.properties, pom.xml or class
)

// wantsJava knows Java archives by their names, as it does those within archives.
func wantsJava(path string) bool { return javaExtension(path) != "" }

// javaExtension gives the extension of a Java archive: "jar", "war"; "" for other names.
func javaExtension[T string | []byte](name T) string {
	dot := len(name) - 4
	if dot < 1 || name[dot] != '.' || name[dot-1] == '/' {
		return ""
	}
	switch ext := [3]byte{name[dot+1] | 0x20, name[dot+2] | 0x20, name[dot+3] | 0x20}; string(ext[:]) {
	case "jar", "war", "ear":
		return "jar"
	case "par", "sar", "rar", "nar", "kar", "jpi", "hpi":
		return "other" // also of other things
	}
	return ""
}

// parseJava reads a Java archive. A package that came from an archive within has the rest of its way in Path:
// "WEB-INF/lib/x.jar"; what the file itself is has none. Where parts of the file cannot be read it gives the packages of
// the others beside the error.
func parseJava(in *input) ([]Package, error) {
	r, size, err := in.readerAt()
	if err != nil || size == 0 {
		return nil, err
	}
	j := &javaReader{in: in, dir: bufio.NewReaderSize(nil, 1<<16), inflated: 2 * in.lim.ArchiveBytes}
	defer j.close()
	err = j.archive(r, size, baseName(in.path), "", 0)
	if errors.Is(err, errNoZip) && javaExtension(in.path) == "other" {
		return nil, nil
	}
	if err == nil {
		err = j.problem
	}
	return j.packages, err
}

// javaReader reads one file and the archives within.
type javaReader struct {
	in       *input
	dir      *bufio.Reader // of the directory that is being read
	inflater io.ReadCloser
	small    bytes.Buffer
	spools   []*spool // of archives within, by depth
	inflated int64    // bytes that the file may still unpack to
	packages []Package
	problem  error // the first that left something unread
}

func (j *javaReader) close() {
	for _, s := range j.spools {
		s.release()
	}
}

// note keeps what went wrong with a part of the file. It gives back what must end reading: limits of the layer, the end
// of time, faults of our own disk.
func (j *javaReader) note(path string, err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) || j.in.ctx.Err() != nil || j.in.spool.err != nil {
		return err
	}
	if j.problem == nil && path != "" {
		err = fmt.Errorf("%s: %w", path, err)
	}
	if j.problem == nil {
		j.problem = err
	}
	return nil
}

// javaArchive is what the directory of one archive holds of interest.
type javaArchive struct {
	*zipFile
	path     string // within the file; "" is the file
	name     archiveName
	manifest *zipItem
	poms     []zipItem // pom.properties and pom.xml
	jndi     *zipItem
	lookup   bool
	nested   []zipItem
	packages []coordinates
	has      map[coordinates]bool
}

// archive reads one archive. Its error is about the archive as a whole.
func (j *javaReader) archive(r io.ReaderAt, size int64, name, path string, depth int) error {
	z, err := openZip(r, size)
	if err != nil {
		return err
	}
	if depth > 0 { // of the file itself, all is counted
		if err := j.charge(4<<10 + 8*z.dirBytes); err != nil {
			return err
		}
	}
	a := &javaArchive{zipFile: z, path: path, name: parseArchiveName(name), has: map[coordinates]bool{}}
	if err := j.note(path, j.list(a)); err != nil {
		return err
	}
	if !a.name.noCode {
		if err := j.identify(a); err != nil {
			return err
		}
	}
	for i := range a.nested {
		if err := j.nested(a, &a.nested[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}

// charge takes bytes from what the file may unpack to, and the layer.
func (j *javaReader) charge(n int64) error {
	if j.inflated -= n; j.inflated < 0 {
		return fail(ReasonLimit, "the archives within unpack to more than %d bytes", 2*j.in.lim.ArchiveBytes)
	}
	return j.in.charge(n)
}

const (
	jndiManager = "org/apache/logging/log4j/core/net/JndiManager.class"
	jndiLookup  = "org/apache/logging/log4j/core/lookup/JndiLookup.class"
)

// wantsJavaEntry is asked for every entry of every archive.
func wantsJavaEntry(name []byte) bool {
	if javaExtension(name) != "" {
		return true
	}
	if len(name) == 0 {
		return false
	}
	switch name[len(name)-1] {
	case 's':
		return bytes.HasSuffix(name, []byte("pom.properties")) && (len(name) == len("pom.properties") || name[len(name)-len("/pom.properties")] == '/') ||
			bytes.HasSuffix(name, []byte(jndiManager)) || bytes.HasSuffix(name, []byte(jndiLookup))
	case 'l':
		return bytes.HasSuffix(name, []byte("/pom.xml")) && bytes.Contains(name, []byte("META-INF/maven/"))
	case 'F', 'f':
		return len(name) == len("META-INF/MANIFEST.MF") && strings.EqualFold(string(name), "META-INF/MANIFEST.MF")
	}
	return false
}

// list goes through the directory of an archive.
func (j *javaReader) list(a *javaArchive) error {
	items, names := 0, 0
	return a.each(j.dir, wantsJavaEntry, func(item zipItem) error {
		items, names = items+1, names+len(item.name)
		if items > javaItems || names > javaItemNames {
			return fmt.Errorf("more than %d archives and descriptions, or %d bytes of their names", javaItems, javaItemNames)
		}
		switch {
		case javaExtension(item.name) != "":
			a.nested = append(a.nested, item)
		case strings.HasSuffix(item.name, jndiManager):
			a.jndi = &item
		case strings.HasSuffix(item.name, jndiLookup):
			a.lookup = true
		case strings.HasSuffix(item.name, "/pom.xml"), strings.HasSuffix(item.name, "pom.properties"):
			a.poms = append(a.poms, item)
		default:
			a.manifest = &item
		}
		if items&1023 == 0 {
			return j.in.ctx.Err()
		}
		return nil
	})
}

// identify finds what an archive is and what was packed into it.
func (j *javaReader) identify(a *javaArchive) error {
	var m jarManifest
	if a.manifest != nil {
		text, err := j.read(a, a.manifest)
		if err := j.note(a.path, err); err != nil {
			return err
		}
		m = parseManifest(text)
	}
	if err := j.readPoms(a, &m); err != nil {
		return err
	}
	a.addOwn(&m)
	if err := j.addLog4j(a); err != nil {
		return err
	}
	for _, c := range a.packages {
		p := Package{Kind: KindMaven, Name: c.name(), Version: c.version, SourceName: c.name(), SourceVersion: c.version, Path: a.path}
		j.in.left.text -= len(p.Path)
		if err := j.in.take(&p); err != nil {
			return err
		}
		j.packages = append(j.packages, p)
	}
	return nil
}

// read gives a small entry, valid until the next.
func (j *javaReader) read(a *javaArchive, item *zipItem) ([]byte, error) {
	r, err := a.open(item, &j.inflater)
	if err != nil {
		return nil, err
	}
	j.small.Reset()
	n, err := j.small.ReadFrom(io.LimitReader(r, javaSmall+1))
	if n > javaSmall {
		err = fmt.Errorf("%.200q is larger than %d bytes", item.name, javaSmall)
	}
	if charged := j.charge(n + 512); charged != nil {
		return nil, charged
	}
	return j.small.Bytes(), err
}

// readPoms reads the descriptions that Maven leaves, of the archive itself and of all that was packed into it. A pom.xml
// is only read where the pom.properties beside it does not say all.
func (j *javaReader) readPoms(a *javaArchive, m *jarManifest) error {
	known := map[string]coordinates{}
	for _, ending := range []string{"pom.properties", "pom.xml"} {
		for i := range a.poms {
			dir, ok := strings.CutSuffix(a.poms[i].name, ending)
			if !ok || known[dir].complete() {
				continue
			}
			text, err := j.read(a, &a.poms[i])
			if err == nil && ending == "pom.xml" {
				var c coordinates
				c, err = j.parsePomXML(text)
				known[dir] = known[dir].or(c)
			} else if err == nil {
				known[dir] = parsePomProperties(text)
			}
			if err := j.note(a.path, err); err != nil {
				return err
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(known)) {
		a.addPom(dir, known[dir], m, len(known) == 1)
	}
	return nil
}

// parsePomXML charges XML for the time that it takes, which is many times that of unpacking it.
func (j *javaReader) parsePomXML(text []byte) (coordinates, error) {
	if err := j.charge(2 * parsingCost * int64(len(text))); err != nil {
		return coordinates{}, err
	}
	return parsePomXML(bytes.NewReader(text))
}

// or fills in what is not known from another source.
func (c coordinates) or(other coordinates) coordinates {
	if c.group == "" {
		c.group = other.group
	}
	if c.artifact == "" {
		c.artifact = other.artifact
	}
	if c.version == "" {
		c.version = other.version
	}
	return c
}

// addPom takes what a description says, and what its directory does: ".../META-INF/maven/<group>/<artifact>/". A version
// that is missing can be that of the archive, when the description is about it.
func (a *javaArchive) addPom(dir string, c coordinates, m *jarManifest, only bool) {
	if parts := strings.Split(dir, "/"); len(parts) >= 4 && parts[len(parts)-4] == "maven" {
		c = c.or(coordinates{group: coordinate(parts[len(parts)-3]), artifact: coordinate(parts[len(parts)-2])})
	}
	if c.group == "" {
		c.group = knownGroup(c.artifact)
	}
	if c.version == "" && c.artifact == a.name.artifact {
		c.version = a.name.version
	}
	if c.version == "" && (only || c.artifact == a.name.artifact) {
		c.version = m.releaseVersion()
	}
	if c.complete() {
		a.add(c)
	}
}

// add takes an artifact unless the archive has it already.
func (a *javaArchive) add(c coordinates) {
	if !a.has[c] {
		a.has[c] = true
		a.packages = append(a.packages, c)
	}
}

// addOwn names the archive by its manifest and its own name, where Maven's descriptions are not about it.
func (a *javaArchive) addOwn(m *jarManifest) {
	if a.described() {
		return
	}
	c := identify(a.name, m)
	if c.artifact == "" || c.version == "" || len(a.packages) > 0 && c.group == "" {
		return
	}
	a.add(c)
	if c.name() == "org.apache.tomcat:tomcat-catalina" && a.name.stem == "catalina" {
		// Only the distribution has it under this name, and many advisories are about the distribution.
		a.add(coordinates{group: "org.apache.tomcat", artifact: "tomcat", version: c.version})
	}
}

// described says whether one of the descriptions is about the archive itself, and not all about what was packed into it.
func (a *javaArchive) described() bool {
	for _, c := range a.packages {
		if strings.HasSuffix(a.name.artifact, c.artifact) || len(a.packages) == 1 && c.version == a.name.version {
			return true
		}
	}
	// A name like "app.jar" tells nothing that could be held against them.
	return len(a.packages) > 0 && a.name.version == "" && knownGroup(a.name.stem) == ""
}

// addLog4j recognizes log4j-core by its classes where everything that would name it was stripped.
func (j *javaReader) addLog4j(a *javaArchive) error {
	if a.jndi == nil && !a.lookup {
		return nil
	}
	for _, c := range a.packages {
		if c.artifact == "log4j-core" {
			return nil
		}
	}
	version := ""
	if a.jndi != nil {
		class, err := j.read(a, a.jndi)
		if err := j.note(a.path, err); err != nil {
			return err
		}
		sum := md5.Sum(class) //nolint:gosec // see the import
		version = log4jVersion(hex.EncodeToString(sum[:]))
	}
	if version == "" {
		return j.note(a.path, errors.New("classes of org.apache.logging.log4j:log4j-core are in it, of a version that cannot be told"))
	}
	a.add(coordinates{group: "org.apache.logging.log4j", artifact: "log4j-core", version: version})
	return nil
}

// log4jVersion gives the lowest version of log4j-core that has this JndiManager.class: several versions share one, and
// what was fixed between them is better told than kept. The sums were published by those who looked for the class in
// 2021 (NCC Group, Fox-IT, Palantir), and agree.
func log4jVersion(sum string) string {
	switch sum {
	case "6b15f42c333ac39abacfeeeb18852a44":
		return "2.1"
	case "8b2260b1cce64144f6310876f94b1638":
		return "2.4"
	case "3bd9f41b89ce4fe8ccbf73e43195a5ce":
		return "2.6"
	case "415c13e7c8505fb056d540eac29b72fa":
		return "2.7"
	case "a193703904a3f18fb3c90a877eb5c8a7":
		return "2.8.2"
	case "04fdd701809d17465c17c7e603b1b202":
		return "2.9.0"
	case "5824711d6c68162eb535cc4dbf7485d3":
		return "2.12.0"
	case "102cac5b7726457244af1f44e54ff468":
		return "2.12.2"
	case "21f055b62c15453f0d7970a9d994cab7":
		return "2.13.0"
	case "f1d630c48928096a484e4b95ccb162a0":
		return "2.14.0"
	case "5d253e53fa993e122ff012221aa49ec3":
		return "2.15.0"
	case "ba1cf8f81e7b31c709768561ba8ab558":
		return "2.16.0"
	case "3dc5cf97546007be53b2f3d44028fa58":
		return "2.17.0"
	}
	return ""
}

// nested reads an archive within an archive.
func (j *javaReader) nested(a *javaArchive, item *zipItem, depth int) error {
	name := cleanPath(strings.ToValidUTF8(item.name, "\ufffd"))
	path := name
	if a.path != "" {
		path = a.path + inner + name
	}
	if depth > javaDepth {
		return j.note(a.path, fmt.Errorf("archives within archives more than %d deep", javaDepth))
	}
	if len(path) > j.in.lim.PathLength {
		return j.note(a.path, fmt.Errorf("a path of more than %d bytes", j.in.lim.PathLength))
	}
	r, size, err := j.random(a, item, depth)
	if err == nil && size > 0 {
		err = j.archive(r, size, baseName(name), path, depth)
	}
	if errors.Is(err, errNoZip) && javaExtension(name) == "other" {
		return nil
	}
	return j.note(path, err)
}

// random gives random access to an entry: where it is, when it is stored as it is, and unpacked otherwise.
func (j *javaReader) random(a *javaArchive, item *zipItem, depth int) (io.ReaderAt, int64, error) {
	r, err := a.open(item, &j.inflater)
	if err != nil {
		return nil, 0, err
	}
	if section, ok := r.(*io.SectionReader); ok {
		return section, section.Size(), nil
	}
	for len(j.spools) < depth {
		j.spools = append(j.spools, &spool{dir: j.in.lim.TempDir})
	}
	s := j.spools[depth-1]
	s.release()
	most := min(j.inflated, j.in.left.inflated, j.in.lim.ArchiveBytes)
	at, size, err := s.hold(io.LimitReader(r, most+1), item.unpacked)
	if s.err != nil {
		j.in.spool.err = s.err
	}
	if err == nil {
		err = j.charge(min(size, most))
	}
	if err == nil && size > most {
		err = fmt.Errorf("unpacks to more than %d bytes", most)
	}
	return at, size, err
}
