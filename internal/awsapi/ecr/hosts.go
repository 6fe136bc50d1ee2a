package ecr

import (
	"context"
	"fmt"
	"net/url"
	"regexp"

	"github.com/ecru-registry/ecru/internal/awsapi"
	"github.com/ecru-registry/ecru/internal/registry"
)

// registryHost is a host name that selects a registry.
var registryHost = regexp.MustCompile(`^([0-9]{12})\.dkr[.-]ecr(?:-fips)?\.[a-z0-9-]+\.(.+)$`)

// accountOfHost answers the registry that a host name selects and the host
// behind that; a bare host selects none.
func accountOfHost(host string) (account, base string) {
	if m := registryHost.FindStringSubmatch(host); m != nil {
		return m[1], m[2]
	}
	return "", host
}

// hosts knows under which address clients reach a registry.
type hosts struct {
	defaults     registry.Scope
	scheme, host string // of the public URL, empty without one
}

func newHosts(defaults registry.Scope, publicURL string) (hosts, error) {
	h := hosts{defaults: defaults}
	if !registry.ValidAccount(defaults.Account) || defaults.Region == "" {
		return h, fmt.Errorf("the default registry %+v needs an account and a region", defaults)
	}
	if publicURL == "" {
		return h, nil
	}
	u, err := url.Parse(publicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" && u.Path != "/" {
		return h, fmt.Errorf("the public URL %q must be http(s)://host[:port]", publicURL)
	}
	h.scheme, h.host = u.Scheme, u.Host
	return h, nil
}

// of answers scheme and host of an account's registry. The default account is
// reached by the bare host, the others by a name in front of it.
func (h hosts) of(ctx context.Context, account string) (scheme, host string) {
	call := awsapi.CallFrom(ctx)
	scheme, host = h.scheme, h.host
	if host == "" {
		scheme, host = call.Scheme, call.Host
	}
	named, base := accountOfHost(host)
	switch {
	case named == account:
		return scheme, host
	case account == h.defaults.Account:
		return scheme, base
	}
	return scheme, account + ".dkr.ecr." + h.defaults.Region + "." + base
}
