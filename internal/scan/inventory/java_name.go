package inventory

import (
	"strings"
)

// archiveName is what the name of an archive says: "log4j-core-2.14.1-sources.jar" is artifact log4j-core, version
// 2.14.1, and holds sources.
type archiveName struct {
	stem     string // without the extension
	artifact string // stem when there is no version
	version  string
	noCode   bool // sources or documentation
}

// parseArchiveName takes the last component of a path apart. The version begins at the first part that starts with a
// digit, unless a further part looks like a version of its own: "log4j-1.2-api-2.17.1".
func parseArchiveName(base string) archiveName {
	stem := base
	if dot := strings.LastIndexByte(base, '.'); dot > 0 {
		stem = base[:dot]
	}
	n := archiveName{stem: stem, artifact: stem}
	parts := strings.Split(stem, "-")
	for len(parts) > 1 && isClassifier(parts[len(parts)-1]) {
		last := parts[len(parts)-1]
		n.noCode = n.noCode || last == "sources" || last == "javadoc"
		parts = parts[:len(parts)-1]
	}
	start := versionStart(parts)
	if start < 0 {
		return n.bundleName()
	}
	n.artifact = strings.Join(parts[:start], "-")
	n.version = coordinate(strings.Join(dropTimestamp(parts[start:]), "-"))
	return n
}

func versionStart(parts []string) int {
	start := -1
	for i := 1; i < len(parts); i++ {
		switch {
		case !startsVersion(parts[i]):
		case start < 0:
			start = i
		case isDotted(parts[i]) && !isTimestamp(parts[i]) && !allQualifiers(parts[start+1:i]):
			start = i
		}
	}
	return start
}

// bundleName knows the names of OSGi bundles: "org.eclipse.core.runtime_3.7.0.v20110110".
func (n archiveName) bundleName() archiveName {
	i := strings.LastIndexByte(n.stem, '_')
	if i > 0 && isDotted(n.stem[i+1:]) && strings.Count(n.stem[:i], ".") >= 2 {
		n.artifact, n.version = n.stem[:i], coordinate(n.stem[i+1:])
	}
	return n
}

// isClassifier knows what can follow the version in the name of an archive without being part of it.
func isClassifier(part string) bool {
	switch part {
	case "sources", "javadoc", "tests", "test", "shaded", "uber", "fat", "exec", "boot", "bin", "dist", "all", "full", "nodep", "jar", "with", "dependencies",
		"linux", "osx", "windows", "x86_64", "x86_32", "aarch_64", "aarch64", "amd64", "arm64", "ppcle_64", "s390_64", "riscv64", "noaop", "no_aop":
		return true
	}
	return false
}

func startsVersion(part string) bool {
	return part != "" && part[0] >= '0' && part[0] <= '9' && !isHash(part)
}

// isHash knows the names of commits, which build tools put where a version would be.
func isHash(part string) bool {
	return len(part) >= 7 && strings.Trim(part, "0123456789abcdef") == "" && strings.ContainsAny(part, "abcdef")
}

// isDotted says whether a part begins with two numbers and a dot between.
func isDotted(part string) bool {
	major, rest, ok := strings.Cut(part, ".")
	return ok && isNumber(major) && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

func isTimestamp(part string) bool {
	return len(part) == 15 && part[8] == '.' && isNumber(part[:8]) && isNumber(part[9:])
}

func allQualifiers(parts []string) bool {
	for _, p := range parts {
		switch strings.ToLower(p) {
		case "alpha", "beta", "rc", "cr", "m", "snapshot", "final", "ga", "release", "sp", "jre", "android", "amzn", "redhat", "jbossorg", "atlassian", "cdh", "hdp", "emr":
		default:
			return false
		}
	}
	return len(parts) > 0
}

// dropTimestamp gives a deployed snapshot ("1.0-20240102.030405-7") the version it was built as.
func dropTimestamp(version []string) []string {
	for i := 1; i < len(version); i++ {
		if isTimestamp(version[i]) {
			return append(version[:i:i], "SNAPSHOT")
		}
	}
	return version
}

// identify says what an archive without Maven's files is. Its name comes first: that is how repositories call it.
func identify(n archiveName, m *jarManifest) coordinates {
	c := coordinates{artifact: n.artifact, version: n.version}
	if known := m.known(); known != "" && knownGroup(n.artifact) == "" {
		c = coordinates{artifact: known, version: m.releaseVersion()}.or(c) // renamed
	}
	if c.version == "" {
		c.version = m.releaseVersion()
		c.artifact = m.artifact(n.stem)
	}
	if c.group, c.artifact = splitGroup(c.artifact, m); c.group == "" {
		c.group = m.group(c.artifact)
	}
	c.group = formerGroup(c)
	c.artifact = coordinate(c.artifact)
	return c
}

// known is the well-known artifact that the manifest is about, or "": titles are often those of artifacts, and Tomcat's
// bundles are called "org.apache.tomcat-coyote".
func (m *jarManifest) known() string {
	for _, s := range [...]string{strings.TrimPrefix(m.bundle, "org.apache."), m.title} {
		if knownGroup(s) != "" && (strings.HasPrefix(s, "tomcat-") || s == m.title) {
			return s
		}
	}
	return ""
}

// splitGroup takes names apart that begin with the group, as sbt and Quarkus write them: "org.yaml.snakeyaml". Dots are
// common in artifacts as well, so that group and artifact have to be known to belong together.
func splitGroup(artifact string, m *jarManifest) (group, rest string) {
	for i := range len(artifact) {
		if artifact[i] != '.' {
			continue
		}
		group, rest := artifact[:i], artifact[i+1:]
		if rest != "" && (knownGroup(rest) == group || m.vendorID == group && isGroup(group)) {
			return group, rest
		}
	}
	return knownGroup(artifact), artifact
}

// artifact decides what an archive is called whose file name tells no version.
func (m *jarManifest) artifact(stem string) string {
	switch {
	case m.shortName != "" && m.pluginVer != "":
		return coordinate(m.shortName)
	case strings.HasPrefix(m.title, "Apache Tomcat"):
		return tomcatArtifact(stem)
	case knownGroup(stem) != "":
		return stem
	}
	if title := coordinate(m.title); title != "" && !strings.Contains(title, "#") && (knownGroup(title) != "" || isGroup(m.vendorID)) {
		return title
	}
	return stem
}

// tomcatArtifact gives the jars of a Tomcat distribution the names that they are published under.
func tomcatArtifact(stem string) string {
	switch stem {
	case "annotations-api", "el-api", "jasper", "jasper-el", "jaspic-api", "jsp-api", "servlet-api", "websocket-api", "websocket-client-api",
		"catalina", "catalina-ant", "catalina-ha", "catalina-ssi", "catalina-storeconfig":
		return "tomcat-" + stem
	case "catalina-tribes":
		return "tomcat-tribes"
	}
	return stem
}

// releaseVersion is the version that a manifest gives, where it gives one. The version of a specification is none.
func (m *jarManifest) releaseVersion() string {
	for _, v := range [...]string{m.pluginVer, m.version, m.bundleVer} {
		v, _, _ = strings.Cut(strings.TrimSpace(v), " ") // "1.4 1855 April 22 2006"
		if v = coordinate(v); startsVersion(v) && strings.Trim(v, "0.") != "" {
			return v
		}
	}
	return ""
}

// group is the group that the manifest tells, or "".
func (m *jarManifest) group(artifact string) string {
	if m.pluginVer != "" && isGroup(m.groupID) {
		return m.groupID
	}
	if group, _, ok := strings.Cut(m.title, "#"); ok && isGroup(group) { // "org.elasticsearch#server;8.14.3"
		return group
	}
	if isGroup(m.vendorID) {
		return m.vendorID
	}
	return bundleGroup(m.bundle, artifact)
}

// isGroup says whether a text has the form of a group: names with dots between.
func isGroup(s string) bool {
	return coordinate(s) == s && strings.Contains(s, ".") && !strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".") && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

// bundleGroup undoes how the Maven bundle plugin names bundles: group and artifact with a dot between, but where the
// artifact begins with the last part of the group that is not said twice. Other names tell nothing.
func bundleGroup(bundle, artifact string) string {
	if group, ok := strings.CutSuffix(bundle, "."+artifact); ok && isGroup(group) {
		return group
	}
	if first, rest, ok := strings.Cut(artifact, "-"); ok {
		if group, ok := strings.CutSuffix(bundle, "."+rest); ok && isGroup(group) && strings.HasSuffix(group, "."+first) {
			return group
		}
	}
	return ""
}
