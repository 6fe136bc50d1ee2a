package inventory

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Distroless images of Azure Linux and CBL-Mariner have no rpm database but a list that rpm wrote when they were built:
// a line a package, ten columns with tabs between them.
const (
	manifestName, manifestVersion, manifestVendor              = 0, 1, 4
	manifestArch, manifestEpoch, manifestSource, manifestWidth = 7, 8, 9, 10
)

func wantsRPMManifest(path string) bool { return path == "var/lib/rpmmanifest/container-manifest-2" }

func parseRPMManifest(in *input) ([]Package, error) {
	var packages []Package
	for text := newLines(in); ; {
		line, cut, err := text.next()
		if err == io.EOF {
			return packages, nil
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			continue
		}
		column := strings.Split(string(line), "\t")
		if cut || len(column) < manifestWidth || column[manifestName] == "" || column[manifestVersion] == "" {
			return nil, fmt.Errorf("line %d does not have the columns of a package", text.count)
		}
		p := manifestPackage(column)
		if err := in.take(&p); err != nil {
			return nil, fmt.Errorf("line %d: %w", text.count, err)
		}
		packages = append(packages, p)
	}
}

// manifestPackage trusts rpm to have written "(none)" where there is no value; no epoch is an epoch of 0.
func manifestPackage(column []string) Package {
	p := Package{Name: column[manifestName], Arch: noNone(column[manifestArch]), Maintainer: noNone(column[manifestVendor])}
	p.Epoch, _ = strconv.Atoi(column[manifestEpoch])
	if i := strings.LastIndexByte(column[manifestVersion], '-'); i >= 0 {
		p.Release = column[manifestVersion][i+1:]
	}
	p.Version = rpmVersion(p.Epoch, column[manifestVersion], "")
	if p.SourceName, p.SourceVersion = splitSourceRPM(column[manifestSource]); p.SourceName == "" {
		p.SourceName, p.SourceVersion = p.Name, column[manifestVersion]
	}
	return p
}

func noNone(s string) string {
	if s == "(none)" {
		return ""
	}
	return s
}
