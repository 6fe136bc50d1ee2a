package main

import (
	"archive/zip"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	"github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/inspector2"
	inspector "github.com/aws/aws-sdk-go-v2/service/inspector2/types"

	"github.com/ecru-registry/ecru/test/sample"
)

const (
	fleetRepositories = 100
	fleetApplications = 20 // of a repository
	fleetPackages     = 75 // of an application, from npm and PyPI
	changedAdvisories = 100
	knownGoal         = 1.0 // seconds
)

// continuousRows measures what new advisories cost while many images are stored:
// how long until it is known which are affected, and until their findings are
// there.
func (b *bench) continuousRows(ctx context.Context, dir string) (err error) {
	shared, err := sample.Advisories(b.root, dir)
	if err != nil {
		return err
	}
	bases, err := baseLayers(b.root)
	pool, errPool := packagePool(shared.Place)
	if err != nil || errPool != nil || len(bases) == 0 {
		b.note("New advisories beside many images were not measured: the shared root filesystems and advisories are not there.")
		return nil
	}
	feed := filepath.Join(dir, "feed")
	if err := linkFeed(shared.Place, feed); err != nil {
		return err
	}
	ecru, err := b.startEcru(ctx, dir, feed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ecru.stop()) }()
	f := fleet{bases: bases, pool: pool, images: b.fleet}
	took, err := f.push(ctx, ecru)
	if err != nil {
		return err
	}
	say("  %d images pushed in %s", f.images, took.Round(time.Second))
	begin := time.Now()
	// Switching over enrols everything that was pushed within the last 14 days.
	_, err = ecru.api.PutRegistryScanningConfiguration(ctx, &ecr.PutRegistryScanningConfigurationInput{ScanType: types.ScanTypeEnhanced})
	if err != nil {
		return err
	}
	if err := f.awaitScans(ctx, ecru); err != nil {
		return err
	}
	scanned := time.Since(begin)
	say("  all were scanned %s after enhanced scanning was switched on", scanned.Round(time.Second))
	b.inform(fmt.Sprintf("enrolment of %d images of %d applications in enhanced scanning", f.images, fleetRepositories*f.applications()), float64(f.images)/scanned.Seconds(), "images/s")
	return b.newAdvisories(ctx, ecru, f, feed)
}

// fleet is many images of few parts: a repository has a base and some
// applications, and an application many builds, as in real registries.
type fleet struct {
	bases  []small
	pool   []pooled
	images int
}

// pooled is a package of an ecosystem, in a version that was released.
type pooled struct{ ecosystem, name, version string }

func (f fleet) applications() int {
	return min(fleetApplications, max(1, f.images/fleetRepositories))
}

func (f fleet) push(ctx context.Context, ecru *server) (time.Duration, error) {
	builds := max(1, f.images/fleetRepositories/f.applications())
	begin := time.Now()
	_, err := share(ctx, ecru.endpoint, smallClients/2, fleetRepositories, func(c *conn, r int) error {
		repository := fmt.Sprintf("team-%d/service", r)
		if err := ecru.createRepository(ctx, repository, false); err != nil {
			return err
		}
		base := f.bases[r%len(f.bases)]
		if err := c.pushBlob(repository, base.digest, base.data, nil, onePut); err != nil {
			return err
		}
		random := rand.New(rand.NewPCG(1, uint64(r)))
		for range f.applications() {
			layer, err := f.application(random)
			if err != nil {
				return err
			}
			config := newImage(layer).blobs[1]
			for _, blob := range []small{layer, config} {
				if err := c.pushBlob(repository, blob.digest, blob.data, nil, onePut); err != nil {
					return err
				}
			}
			for range builds {
				m := newManifest(config, []small{base, layer})
				if err := c.pushManifest(repository, m.digest, m); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return time.Since(begin), err
}

// application makes a layer of packages, a few of which everybody uses.
func (f fleet) application(random *rand.Rand) (small, error) {
	files := map[string]string{}
	popular := rand.NewZipf(random, 1.2, 8, uint64(len(f.pool)-1))
	for range fleetPackages {
		p := f.pool[popular.Uint64()]
		switch p.ecosystem {
		case "npm":
			files["app/node_modules/"+p.name+"/package.json"] = fmt.Sprintf(`{"name":%q,"version":%q}`, p.name, p.version)
		case "PyPI":
			files[fmt.Sprintf("usr/lib/python3/site-packages/%s-%s.dist-info/METADATA", strings.ReplaceAll(p.name, "-", "_"), p.version)] = fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n\n", p.name, p.version)
		}
	}
	data, err := sample.Layer(files)
	return newSmall(data), err
}

func (f fleet) awaitScans(ctx context.Context, ecru *server) error {
	pushed := int64(fleetRepositories * f.applications() * max(1, f.images/fleetRepositories/f.applications()))
	return await(ctx, time.Second, time.Hour, "the scans of the fleet", func() (bool, error) {
		out, err := ecru.findings.ListCoverageStatistics(ctx, &inspector2.ListCoverageStatisticsInput{
			FilterCriteria: &inspector.CoverageFilterCriteria{ScanStatusCode: []inspector.CoverageStringFilter{{Comparison: inspector.CoverageStringComparisonEquals, Value: aws.String("ACTIVE")}}},
		})
		if err != nil {
			return false, err
		}
		return aws.ToInt64(out.TotalCounts) >= pushed, nil
	})
}

// newAdvisories publishes advisories about packages of the fleet, and waits for
// what they lead to.
func (b *bench) newAdvisories(ctx context.Context, ecru *server, f fleet, feed string) error {
	random := rand.New(rand.NewPCG(2, 2))
	chosen := map[string]pooled{}
	for len(chosen) < min(changedAdvisories, len(f.pool)/2) {
		p := f.pool[random.IntN(len(f.pool))]
		if p.ecosystem == "npm" {
			chosen[p.name] = p
		}
	}
	if err := publish(filepath.Join(feed, "npm", "all.zip"), chosen); err != nil {
		return err
	}
	before, err := ecru.rematch(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	if err := ecru.command(ctx, "advisories", "update", "npm"); err != nil {
		return err
	}
	loaded := time.Since(begin)
	after, last, err := ecru.awaitRematch(ctx, before)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%d new advisories beside %d images, ", len(chosen), f.images)
	b.limit(what+"from stored to all affected images known", after.known-before.known, "s", knownGoal)
	b.inform(what+"affected images", after.affected-before.affected, "images")
	b.inform(what+"from the call that loads them to the last finding and event", last.Sub(begin).Seconds(), "s")
	b.inform(what+"loading them, the export whole", loaded.Seconds(), "s")
	return nil
}

// rematched is what the server's metrics say of following the advisories.
type rematched struct{ known, affected, settled float64 }

func (s *server) rematch(ctx context.Context) (r rematched, err error) {
	c, err := s.dial(ctx)
	if err != nil {
		return r, err
	}
	defer c.Close()
	answer, err := c.do(request{method: "GET", path: "/metrics", keep: true}, 200)
	if err != nil {
		return r, err
	}
	for line := range strings.Lines(string(answer.body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		to, wanted := map[string]*float64{
			"ecru_rematch_known_seconds_sum": &r.known, "ecru_rematch_affected_images_total": &r.affected, "ecru_rematch_settled_images_total": &r.settled,
		}[name]
		if !wanted {
			continue
		}
		if *to, err = strconv.ParseFloat(value, 64); err != nil {
			return r, err
		}
	}
	return r, nil
}

// awaitRematch waits until nothing has been written for a while after something
// was, and answers when that was.
func (s *server) awaitRematch(ctx context.Context, before rematched) (now rematched, last time.Time, err error) {
	const quiet = 5 * time.Second
	last = time.Now()
	err = await(ctx, 100*time.Millisecond, time.Hour, "the findings of new advisories", func() (bool, error) {
		next, err := s.rematch(ctx)
		if err != nil {
			return false, err
		}
		if next != now {
			now, last = next, time.Now()
		}
		return now.settled > before.settled && time.Since(last) > quiet, nil
	})
	return now, last, err
}

// command runs another command of the binary on the server.
func (s *server) command(ctx context.Context, args ...string) error {
	args = append(args, "--data", filepath.Join(s.dir, "ecru-data"))
	out, err := exec.CommandContext(ctx, s.binary, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ecru %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// publish adds records to an export, atomically.
func publish(name string, chosen map[string]pooled) (err error) {
	old, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer old.Close()
	file, err := os.Create(name + ".new")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	w := zip.NewWriter(file)
	for _, f := range old.File {
		if err := w.Copy(f); err != nil {
			return err
		}
	}
	for n, packageName := range slices.Sorted(maps.Keys(chosen)) {
		id := fmt.Sprintf("x_BENCH-2026-%04d", n)
		out, err := w.Create(id + ".json")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, `{"schema_version":"1.7.0","id":%q,"aliases":["CVE-2026-%d"],"modified":"2026-11-01T00:00:00Z","published":"2026-11-01T00:00:00Z",`+
			`"summary":"Measured","severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],`+
			`"affected":[{"package":{"ecosystem":"npm","name":%q},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`, id, 90000+n, packageName)
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// baseLayers are the real root filesystems that are at hand as gzip archives.
func baseLayers(root string) ([]small, error) {
	dir := cmp.Or(os.Getenv("ECRU_SHARED"), filepath.Join(root, "..", "shared"))
	names, err := filepath.Glob(filepath.Join(dir, "images", "*.tar.gz"))
	if err != nil {
		return nil, err
	}
	var layers []small
	for _, name := range names {
		for _, known := range []string{"alpine-minirootfs-3.1", "alpine-minirootfs-3.2", "debian-1", "ubuntu-22"} {
			if strings.HasPrefix(filepath.Base(name), known) {
				data, err := os.ReadFile(name)
				if err != nil {
					return nil, err
				}
				layers = append(layers, newSmall(data))
			}
		}
	}
	return layers, nil
}

// linkFeed makes a feed of links, so that one export can be replaced.
func linkFeed(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		export := filepath.Join(from, e.Name(), "all.zip")
		if _, err := os.Stat(export); err != nil {
			continue
		}
		if err := os.MkdirAll(filepath.Join(to, e.Name()), 0o755); err != nil {
			return err
		}
		data, err := os.ReadFile(export)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, e.Name(), "all.zip"), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// packagePool takes real packages from advisories, each in its newest version that
// an advisory names.
func packagePool(place string) ([]pooled, error) {
	var pool []pooled
	for _, ecosystem := range []string{"npm", "PyPI"} {
		found, err := packagesOf(filepath.Join(place, ecosystem, "all.zip"), ecosystem)
		if err != nil {
			return nil, err
		}
		pool = append(pool, found...)
	}
	// What everybody uses is of both ecosystems.
	rand.New(rand.NewPCG(3, 3)).Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
	return pool, nil
}

func packagesOf(export, ecosystem string) ([]pooled, error) {
	archive, err := zip.OpenReader(export)
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	newest := map[string]string{}
	for _, f := range archive.File {
		var record struct {
			Affected []struct {
				Package struct{ Ecosystem, Name string }
				Ranges  []struct {
					Events []struct{ Introduced, Fixed string }
				}
			}
		}
		if err := readJSON(f, &record); err != nil {
			return nil, err
		}
		for _, a := range record.Affected {
			for _, r := range a.Ranges {
				for _, e := range r.Events {
					if version := cmp.Or(e.Fixed, e.Introduced); a.Package.Ecosystem == ecosystem && newer(version, newest[a.Package.Name]) {
						newest[a.Package.Name] = version
					}
				}
			}
		}
	}
	var pool []pooled
	for _, name := range slices.Sorted(maps.Keys(newest)) {
		pool = append(pool, pooled{ecosystem, name, newest[name]})
	}
	return pool, nil
}

// newer orders versions roughly: by the numbers between their dots.
func newer(a, b string) bool {
	if a == "" || a == "0" || b == "" {
		return a != "" && a != "0"
	}
	return slices.Compare(numbersOf(a), numbersOf(b)) > 0
}

func numbersOf(version string) []int {
	var all []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		all = append(all, n)
	}
	return all
}

func readJSON(f *zip.File, into any) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, 16<<20))
	if err != nil {
		return err
	}
	return json.Unmarshal(data, into)
}
