package inventory

import "strings"

// wantsDotNet takes what the .NET SDK writes beside a program, and beside the shared runtimes.
func wantsDotNet(path string) bool { return strings.HasSuffix(path, ".deps.json") }

// runtimePack is what comes before the name of the runtime that a self-contained program brings.
const runtimePack = "runtimepack."

// parseDotNet reads the libraries of a program: NuGet packages, and the runtime where the program has its own. The program
// itself and its projects are no packages, and a package that gives the target nothing to run (an analyzer, a meta-package)
// is not there. Other files with such names exist; they are no error.
func parseDotNet(in *input) ([]Package, error) {
	text, err := in.whole(maxLanguageText)
	if err != nil {
		return nil, err
	}
	d := dotNet{in: in, json: newJSON(text), empty: map[string]bool{}}
	if d.json.next() != '{' {
		return nil, nil
	}
	var target string
	targets, libraries := -1, -1
	err = d.json.object(func(key string) (err error) {
		d.json.next()
		switch key {
		case "runtimeTarget":
			target, err = d.name()
			return err
		case "targets":
			targets = d.json.at
		case "libraries":
			libraries = d.json.at
		}
		return d.json.skip()
	})
	if err == nil && targets >= 0 {
		d.json.at = targets
		err = d.readTargets(target)
	}
	if err == nil && libraries >= 0 {
		d.json.at = libraries
		err = d.json.object(d.library)
	}
	return d.packages, err
}

type dotNet struct {
	in       *input
	json     *jsonText
	empty    map[string]bool // libraries of the target without anything to run
	packages []Package
}

// name reads the runtime target: an object with a name, or in old files the name itself.
func (d *dotNet) name() (name string, err error) {
	if d.json.next() == '"' {
		return d.json.string()
	}
	err = d.json.object(func(key string) (err error) {
		if key == "name" {
			name, err = d.json.string()
			return err
		}
		return d.json.skip()
	})
	return name, err
}

func (d *dotNet) readTargets(target string) error {
	return d.json.object(func(key string) error {
		if key != target {
			return d.json.skip()
		}
		return d.json.object(func(library string) error {
			something := false
			err := d.json.object(func(key string) error {
				switch key {
				case "runtime", "runtimeTargets", "native":
					something = true
				}
				return d.json.skip()
			})
			if !something && len(d.empty) < maxEmptyLibraries {
				d.empty[library] = true
			}
			return err
		})
	})
}

const maxEmptyLibraries = 10_000

func (d *dotNet) library(key string) error {
	var kind string
	err := d.json.object(func(field string) (err error) {
		if field == "type" {
			kind, err = d.json.string()
			return err
		}
		return d.json.skip()
	})
	if err != nil || d.empty[key] {
		return err
	}
	name, version, _ := strings.Cut(key, "/")
	switch strings.ToLower(kind) {
	case "package":
	case "runtimepack":
		name = strings.TrimPrefix(name, runtimePack)
	default:
		return nil
	}
	d.packages, err = d.in.add(d.packages, name, version)
	return err
}
