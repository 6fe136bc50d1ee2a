package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ecru-registry/ecru/internal/service"
)

func TestQuotas(t *testing.T) {
	want := service.Limits{
		Repositories: 1, ImagesPerRepository: 2, TagsPerImage: 3, LayerSize: 4 << 20, LayerParts: 5, LayerPartSize: 6 << 20,
		LifecycleRules: 7, ReplicationRules: 8, ReplicationDestinations: 9, PullThroughCacheRules: 10, ScanInterval: 90 * time.Minute, ScansPerDay: 11,
		EventRules: 12, EventTargets: 13,
	}
	got, err := limitsOf([]string{
		"repositories=100", "repositories=1", "images-per-repository=2", "tags-per-image=3", "layer-size-mib=4", "layer-parts=5", "layer-part-size-mib=6",
		"lifecycle-rules=7", "replication-rules=8", "replication-destinations=9", "pull-through-cache-rules=10", "scan-interval=1h30m", "scans-per-day=11",
		"event-rules=12", "event-targets=13",
	})
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := limitsOf(nil); err != nil || got != service.DefaultLimits() {
		t.Errorf("%+v, %v", got, err)
	}
	if n := reflect.TypeFor[service.Limits]().NumField(); n != len(quotasOf(&service.Limits{})) {
		t.Errorf("there are %d limits and %d quotas", n, len(quotasOf(&service.Limits{})))
	}
}

func TestQuotasThatAreRefused(t *testing.T) {
	for given, text := range map[string]string{
		"repos=5": `--quota: there is no quota "repos"; there are: event-rules, event-targets, images-per-repository, layer-part-size-mib, layer-parts, layer-size-mib, lifecycle-rules, ` +
			`pull-through-cache-rules, replication-destinations, replication-rules, repositories, scan-interval, scans-per-day, tags-per-image`,
		"repositories":           `--quota: "repositories" is not NAME=VALUE`,
		"repositories=0":         `--quota: repositories: "0" is not a whole number from 1 to 2147483647`,
		"repositories=many":      `--quota: repositories: "many" is not a whole number from 1 to 2147483647`,
		"tags-per-image=-1":      `--quota: tags-per-image: "-1" is not a whole number from 1 to 2147483647`,
		"layer-part-size-mib=21": `--quota: layer-part-size-mib: "21" is not a whole number from 5 to 20`,
		"scan-interval=24":       `--quota: scan-interval: "24" is not a duration such as 24h or 10m`,
		"scan-interval=-1h":      `--quota: scan-interval: "-1h" is not a duration such as 24h or 10m`,
	} {
		if _, err := limitsOf([]string{given}); err == nil || err.Error() != text {
			t.Errorf("%s: %v", given, err)
		}
	}
}

func TestQuotasOfFlagsTheEnvironmentAndTheFile(t *testing.T) {
	parse := func(args ...string) []string {
		t.Helper()
		var c cli
		parser, err := kong.New(&c, kong.DefaultEnvars("ECRU"), kong.Configuration(yamlFlags), kong.Vars{"advisories": "off"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Fatal(err)
		}
		return c.Serve.Quota
	}
	file := filepath.Join(t.TempDir(), "ecru.yaml")
	if err := os.WriteFile(file, []byte("quota: [repositories=1, tags-per-image=2]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const both = "repositories=1 tags-per-image=2"
	if got := parse("serve", "--quota", "repositories=1", "--quota", "tags-per-image=2"); strings.Join(got, " ") != both {
		t.Errorf("flags: %v", got)
	}
	if got := parse("serve", "--config", file); strings.Join(got, " ") != both {
		t.Errorf("file: %v", got)
	}
	t.Setenv("ECRU_QUOTA", "repositories=1,tags-per-image=2")
	if got := parse("serve"); strings.Join(got, " ") != both {
		t.Errorf("environment: %v", got)
	}
	if code := run([]string{"serve", "--quota", "repositories=none"}, new(strings.Builder), new(strings.Builder)); code != 1 {
		t.Errorf("a bad quota: exit %d", code)
	}
}
