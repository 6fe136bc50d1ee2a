package registry_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ecru-registry/ecru/internal/registry"
)

func TestRegionsThatImagesCanBeReplicatedTo(t *testing.T) {
	for name, valid := range map[string]bool{
		"us-east-1": true, "ap-southeast-7": true, "us-gov-west-1": true, "eusc-de-east-1": true, "mx-central-1": true, "eu-west-12": true,
		"": false, "mars": false, "us-east": false, "us-east-1a": false, "US-EAST-1": false, "us_east_1": false, "1-east-1": false, "us-east-123": false, "-east-1": false,
		strings.Repeat("a", 30) + "-b-1": false,
	} {
		if registry.ValidRegion(name) != valid {
			t.Errorf("%q", name)
		}
	}
	for _, c := range []struct {
		here, there string
		ok          bool
	}{
		{"us-east-1", "eu-west-1", true}, {"us-east-1", "cn-north-1", false}, {"cn-north-1", "cn-northwest-1", true}, {"cn-north-1", "us-east-1", false},
		{"us-gov-west-1", "us-gov-east-1", true}, {"us-gov-west-1", "us-east-1", false}, {"local", "local", true}, {"local", "us-east-1", true}, {"us-east-1", "local", false},
	} {
		config := registry.ReplicationConfiguration{Rules: []registry.ReplicationRule{{Destinations: []registry.ReplicationDestination{{Region: c.there, Account: "210987654321"}}}}}
		err := config.Validate(registry.Scope{Account: "123456789012", Region: c.here}, registry.ReplicationLimits{})
		if (err == nil) != c.ok || err != nil && err.Error() != "InvalidParameter: Invalid region '"+c.there+"'" {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestDestinationsOfAnImage(t *testing.T) {
	at := time.Now()
	one, two := registry.ReplicationDestination{Region: "eu-west-1", Account: "1"}, registry.ReplicationDestination{Region: "eu-west-1", Account: "2"}
	config := registry.ReplicationConfiguration{Rules: []registry.ReplicationRule{
		{Destinations: []registry.ReplicationDestination{one}, Prefixes: []string{"prod-", "team/"}, Since: at},
		{Destinations: []registry.ReplicationDestination{one, two}, Since: at.Add(time.Hour)},
	}}
	for _, c := range []struct {
		repository string
		at         time.Time
		want       int
	}{
		{"prod-web", at, 1}, {"team/web", at, 1}, {"web", at, 0}, {"my-prod-web", at, 0}, {"prod-web", at.Add(-1), 0},
		{"web", at.Add(time.Hour), 2}, {"prod-web", at.Add(time.Hour), 2},
	} {
		if got := config.DestinationsOf(c.repository, c.at); len(got) != c.want {
			t.Errorf("%+v: %+v", c, got)
		}
	}
	if got := config.Destinations(); len(got) != 2 || got[0] != one || got[1] != two {
		t.Errorf("%+v", got)
	}
}
