package enhanced

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/ecru-registry/ecru/internal/finding"
	"github.com/ecru-registry/ecru/internal/meta"
	"github.com/ecru-registry/ecru/internal/registry"
	"github.com/ecru-registry/ecru/internal/sbom"
	"github.com/ecru-registry/ecru/internal/scan/inventory"
	"github.com/ecru-registry/ecru/internal/scan/match"
)

// contents is what an inventory holds, as findings tell it. Nobody modifies it.
type contents struct {
	packages []finding.Package // in the inventory's order, without layers
	of       map[finding.Component][]int
	releases []string
}

func contentsOf(inv *inventory.Inventory) *contents {
	c := &contents{
		packages: make([]finding.Package, len(inv.Packages)),
		of:       map[finding.Component][]int{},
		releases: match.Releases(inv, match.AllPackages),
	}
	for i := range inv.Packages {
		c.packages[i] = packageOf(&inv.Packages[i], inv.OS)
	}
	for _, s := range match.Components(inv, match.AllPackages) {
		c.of[s.Component] = s.Packages
	}
	return c
}

// size is how many packages there are.
func (c *contents) size() int {
	if c == nil {
		return 0
	}
	return len(c.packages)
}

// located are the packages of a component, with the layers that brought them, as
// many as a finding lists; more is how many there are beside.
func (c *contents) located(component finding.Component, layers []string) (_ []finding.Package, more int) {
	indexes := c.of[component]
	if more = len(indexes) - finding.MaxPackages; more > 0 {
		indexes = indexes[:finding.MaxPackages]
	}
	out := make([]finding.Package, len(indexes))
	for i, index := range indexes {
		out[i] = c.packages[index]
		if index < len(layers) {
			out[i].Layer = layers[index]
		}
	}
	return out, max(more, 0)
}

// packageOf words an installed package as Inspector does.
func packageOf(p *inventory.Package, os inventory.OSRelease) finding.Package {
	out := finding.Package{
		Name: p.Name, Source: p.SourceName, Version: p.Upstream(), Release: p.Release, Epoch: p.Epoch,
		Arch: strings.ToUpper(p.Arch), Manager: managerOf(p.Kind), PURL: sbom.PackageURL(p, os),
	}
	if out.Manager != osManager || p.Referrer() != "" {
		out.Path = p.Path
	}
	return out
}

const osManager = "OS"

// managerOf is what Inspector calls the kind of a package as it lies in an image,
// beside the lock files that it knows as well.
func managerOf(kind string) string {
	switch kind {
	case inventory.KindNPM:
		return "NODEPKG"
	case inventory.KindPyPI:
		return "PYTHONPKG"
	case inventory.KindMaven:
		return "JAR"
	case inventory.KindGolang:
		return "GOBINARY"
	case inventory.KindCargo:
		return "CARGO"
	case inventory.KindGem:
		return "GEMSPEC"
	case inventory.KindComposer:
		return "COMPOSER"
	case inventory.KindNuGet:
		return "DOTNET_CORE"
	case inventory.KindHex, inventory.KindPub, inventory.KindSwift, inventory.KindHackage, inventory.KindCRAN, inventory.KindBitnami, inventory.KindGitHub:
		return strings.ToUpper(kind) // Inspector has no words for them
	}
	return osManager
}

// platformOf names an operating system as Inspector does: DEBIAN_12. It is empty
// for an image without one.
func platformOf(os inventory.OSRelease) string {
	names := map[string]string{
		"alpine": "ALPINE_LINUX", "amzn": "AMAZON_LINUX", "rhel": "REDHAT", "ol": "ORACLE_LINUX", "rocky": "ROCKY_LINUX",
		"almalinux": "ALMALINUX", "sles": "SUSE_SERVER", "opensuse-leap": "OPENSUSE_LEAP", "azurelinux": "AZURE_LINUX", "photon": "PHOTON_OS",
	}
	if os.ID == "" {
		return ""
	}
	name, known := names[os.ID]
	if !known {
		name = strings.ToUpper(os.ID)
	}
	parts := strings.Split(os.VersionID, ".")
	keep := 2
	switch os.ID {
	case "debian", "rhel", "ol", "rocky", "almalinux", "centos":
		keep = 1 // releases of these are named by their first number
	}
	if version := strings.Join(parts[:min(keep, len(parts))], "_"); version != "" {
		name += "_" + version
	}
	return strings.NewReplacer("-", "_", " ", "_").Replace(name)
}

// How much of inventories is kept in memory.
const (
	keptInventories = 4096
	keptPackages    = 60_000
)

// Inventories answers what inventories hold. What was read last is kept: thousands
// of images have the same few.
type Inventories struct {
	store meta.Inventories

	mu       sync.Mutex
	kept     *lru.Cache[string, *contents]
	packages int
}

// NewInventories makes one that reads from a store.
func NewInventories(store meta.Inventories) *Inventories {
	x := &Inventories{store: store}
	// A positive size cannot fail.
	x.kept, _ = lru.NewWithEvict(keptInventories, func(_ string, c *contents) { x.packages -= len(c.packages) })
	return x
}

// of answers the contents of an inventory, nil when it is not there.
func (x *Inventories) of(ctx context.Context, id string) (*contents, error) {
	if id == "" {
		return nil, nil
	}
	x.mu.Lock()
	c, ok := x.kept.Get(id)
	x.mu.Unlock()
	if ok {
		return c, nil
	}
	encoded, err := x.store.Inventory(ctx, id)
	if err != nil || encoded == nil {
		return nil, err
	}
	inv, err := decodeInventory(encoded)
	if err != nil {
		return nil, registry.Internal(fmt.Sprintf("reading the inventory %s", id), err)
	}
	return x.keep(id, contentsOf(inv)), nil
}

// knows says whether an inventory was read or stored lately.
func (x *Inventories) knows(id string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.kept.Contains(id)
}

// keep remembers contents and answers them.
func (x *Inventories) keep(id string, c *contents) *contents {
	x.mu.Lock()
	defer x.mu.Unlock()
	if known, ok := x.kept.Get(id); ok {
		return known
	}
	x.packages += len(c.packages)
	x.kept.Add(id, c)
	for x.packages > keptPackages && x.kept.Len() > 1 {
		x.kept.RemoveOldest()
	}
	return c
}

func decodeInventory(encoded []byte) (*inventory.Inventory, error) {
	inv := new(inventory.Inventory)
	return inv, json.Unmarshal(encoded, inv)
}
