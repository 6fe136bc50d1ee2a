package inventory

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Inventory is what an image holds. It is deterministic: the same layers give the same bytes of JSON.
type Inventory struct {
	OS OSRelease `json:"os"`
	// Databases lists the package databases in force, sorted by path. An image without any (scratch, busybox,
	// a single static binary) has an empty list; an image whose database is there but empty has not.
	Databases []Database `json:"databases"`
	// Packages is sorted by kind, name, version, architecture and path.
	Packages []Package `json:"packages"`
	// Warnings are about language files in force that could not be read, so that packages may be missing.
	Warnings []Warning `json:"warnings,omitempty"`
}

// Warning is about a file that could not be read, or without a Path about several.
type Warning struct {
	Path    string `json:"path,omitempty"`
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
}

// Database is a package database file of the merged image.
type Database struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
}

// OSRelease is what the image's os-release file says about the operating system. All of it is empty when the image has
// no such file.
type OSRelease struct {
	ID              string   `json:"id,omitempty"`        // "alpine", "debian", "rhel", "amzn"; lower case
	VersionID       string   `json:"versionId,omitempty"` // "3.20.3", "12", "9.2"; empty on rolling releases
	VersionCodename string   `json:"versionCodename,omitempty"`
	Name            string   `json:"name,omitempty"`
	PrettyName      string   `json:"prettyName,omitempty"`
	IDLike          []string `json:"idLike,omitempty"`
	CPEName         string   `json:"cpeName,omitempty"`
	SupportEnd      string   `json:"supportEnd,omitempty"` // "2026-06-30", where the vendor writes it
}

// IsZero says whether the image told nothing about its operating system.
func (o OSRelease) IsZero() bool { return o.ID == "" && o.Name == "" && o.PrettyName == "" }

// ID names the content: "sha256:" and the hash of operating system, databases and packages without the layers they came
// in. Images with equal package lists have the same one, however they were built.
func (inv *Inventory) ID() string {
	bare := Inventory{OS: inv.OS, Databases: inv.Databases, Packages: make([]Package, len(inv.Packages)), Warnings: inv.Warnings}
	for i, p := range inv.Packages {
		p.Layer = ""
		bare.Packages[i] = p
	}
	sum := sha256.New()
	// Encoding plain structs of strings into a hash cannot fail.
	_ = json.NewEncoder(sum).Encode(&bare)
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}
