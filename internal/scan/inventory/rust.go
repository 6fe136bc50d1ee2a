package inventory

import (
	"compress/zlib"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Programs built with cargo-auditable have a section with the list of their crates: JSON, compressed with zlib.
const (
	rustAuditSection = ".dep-v0"
	maxRustSection   = 4 << 20
	maxRustList      = 8 << 20 // some hundred crates take 30 KiB
)

// rustCrate is an entry of the list, as far as it matters here.
type rustCrate struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Source  string `json:"source"`
	Kind    string `json:"kind"` // "build", or "runtime" when left out
	Root    bool   `json:"root"`
}

// rustPackages lists the crates that are in the program: not those that only helped to build it. Of those that came from
// elsewhere than crates.io only the root is there: advisories are about crates.io, and a fork is another thing.
func rustPackages(in *input, f *elfFile, s elfSection) ([]Package, error) {
	section, err := f.open(s, maxRustSection)
	if err != nil {
		return nil, err
	}
	z, err := zlib.NewReader(section)
	if err != nil {
		return nil, fmt.Errorf("the list of Rust crates: %w", err)
	}
	var packages []Package
	list := &io.LimitedReader{R: z, N: maxRustList}
	err = readRustList(list, func(c *rustCrate) error {
		if c.Kind == "build" || c.Source != "crates.io" && !c.Root || c.Name == "" || c.Version == "" {
			return nil
		}
		p := Package{Kind: KindCargo, Name: c.Name, Version: c.Version, SourceName: c.Name, SourceVersion: c.Version}
		if err := in.take(&p); err != nil {
			return err
		}
		packages = append(packages, p)
		return nil
	})
	if charged := in.charge(parsingCost * (maxRustList - list.N)); charged != nil {
		err = charged
	}
	return packages, err
}

// readRustList goes through the crates one by one: a list that is too long is found out before it is in memory.
func readRustList(r *io.LimitedReader, visit func(*rustCrate) error) error {
	d := json.NewDecoder(r)
	if err := expect(d, json.Delim('{')); err != nil {
		return rustListError(r, err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return rustListError(r, err)
		}
		if key != "packages" {
			var skipped json.RawMessage
			if err := d.Decode(&skipped); err != nil {
				return rustListError(r, err)
			}
			continue
		}
		if err := expect(d, json.Delim('[')); err != nil {
			return rustListError(r, err)
		}
		for d.More() {
			var c rustCrate
			if err := d.Decode(&c); err != nil {
				return rustListError(r, err)
			}
			if err := visit(&c); err != nil {
				return err
			}
		}
		if err := expect(d, json.Delim(']')); err != nil {
			return rustListError(r, err)
		}
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return rustListError(r, err)
	}
	return nil
}

func expect(d *json.Decoder, want json.Delim) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	if t != want {
		return errors.New("not of the expected form")
	}
	return nil
}

func rustListError(r *io.LimitedReader, err error) error {
	if r.N <= 0 {
		return fail(ReasonLimit, "the list of Rust crates is longer than %d bytes", maxRustList)
	}
	return fmt.Errorf("the list of Rust crates: %w", err)
}
