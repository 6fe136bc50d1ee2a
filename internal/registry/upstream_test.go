package registry

import (
	"errors"
	"testing"
)

func TestUpstreamRegistriesByTheirURL(t *testing.T) {
	for url, want := range map[string]Upstream{
		"public.ecr.aws":       {Kind: UpstreamECRPublic},
		"registry.k8s.io":      {Kind: UpstreamKubernetes},
		"quay.io":              {Kind: UpstreamQuay},
		"registry-1.docker.io": {Kind: UpstreamDockerHub},
		"ghcr.io":              {Kind: UpstreamGitHub},
		"registry.gitlab.com":  {Kind: UpstreamGitLab},
		"my-company.azurecr.io": {
			Kind: UpstreamAzure,
		},
		"cgr.dev": {Kind: UpstreamChainguard},
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com":     {Kind: UpstreamECR, Scope: Scope{Account: "123456789012", Region: "eu-west-1"}},
		"123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn": {Kind: UpstreamECR, Scope: Scope{Account: "123456789012", Region: "cn-north-1"}},
		"https://quay.io":                       {},
		"quay.io/":                              {},
		"QUAY.io":                               {},
		"docker.io":                             {},
		"gitlab.example.com":                    {},
		".azurecr.io":                           {},
		"a.b.azurecr.io":                        {},
		"12345.dkr.ecr.eu-west-1.amazonaws.com": {},
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil": {},
		"123456789012.dkr.ecr..amazonaws.com":               {},
		"x123456789012.dkr.ecr.eu-west-1.amazonaws.com":     {},
		"": {},
		"123456789012.dkr.ecr.eu-west-1.amazonaws.com\nmore": {},
	} {
		got, ok := UpstreamOf(url)
		if got != want || ok != (want != Upstream{}) {
			t.Errorf("%q is %+v, %v; want %+v", url, got, ok, want)
		}
	}
}

func TestWhatARuleNeedsToGetIntoItsUpstream(t *testing.T) {
	home := Scope{Account: "123456789012", Region: "us-east-1"}
	const (
		secret = "arn:aws:secretsmanager:us-east-1:123456789012:secret:ecr-pullthroughcache/hub-AbCdEf"
		abroad = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:ecr-pullthroughcache/hub-AbCdEf"
		theirs = "arn:aws:secretsmanager:us-east-1:210987654321:secret:ecr-pullthroughcache/hub-AbCdEf"
		role   = "arn:aws:iam::123456789012:role/service/puller"
		hub    = "registry-1.docker.io"
		other  = "210987654321.dkr.ecr.us-east-1.amazonaws.com"
	)
	for name, c := range map[string]struct {
		rule CacheRule
		kind UpstreamKind
		want *Error
	}{
		"open":                     {rule: CacheRule{URL: "quay.io"}, kind: UpstreamQuay},
		"open, called another":     {rule: CacheRule{URL: "quay.io", Kind: UpstreamKubernetes}, kind: UpstreamQuay},
		"open, called locked":      {rule: CacheRule{URL: "quay.io", Kind: UpstreamDockerHub}, want: UpstreamMismatch()},
		"open with secret":         {rule: CacheRule{URL: "quay.io", CredentialARN: secret}, want: UpstreamIsOpen()},
		"open with role":           {rule: CacheRule{URL: "quay.io", CustomRoleARN: role}, want: CredentialMismatch()},
		"secret":                   {rule: CacheRule{URL: hub, CredentialARN: secret}, kind: UpstreamDockerHub},
		"secret, said so":          {rule: CacheRule{URL: hub, Kind: UpstreamDockerHub, CredentialARN: secret}, kind: UpstreamDockerHub},
		"secret, said another":     {rule: CacheRule{URL: hub, Kind: UpstreamGitHub, CredentialARN: secret}, want: UpstreamMismatch()},
		"secret missing":           {rule: CacheRule{URL: hub}, want: UpstreamNeedsSecret()},
		"secret of another region": {rule: CacheRule{URL: hub, CredentialARN: abroad}, want: SecretElsewhere()},
		"secret of others":         {rule: CacheRule{URL: hub, CredentialARN: theirs}, want: SecretElsewhere()},
		"role for secret":          {rule: CacheRule{URL: hub, CustomRoleARN: role}, want: CredentialMismatch()},
		"secret and role":          {rule: CacheRule{URL: hub, CredentialARN: secret, CustomRoleARN: role}, want: CredentialMismatch()},
		"other account":            {rule: CacheRule{URL: other, CustomRoleARN: role}, kind: UpstreamECR},
		"other account, no role":   {rule: CacheRule{URL: other}, want: UpstreamNeedsRole()},
		"other account's role":     {rule: CacheRule{URL: other, CustomRoleARN: "arn:aws:iam::210987654321:role/puller"}, want: RoleElsewhere()},
		"no role":                  {rule: CacheRule{URL: other, CustomRoleARN: "arn:aws:iam::123456789012:user/puller"}, want: RoleElsewhere()},
		"secret for role":          {rule: CacheRule{URL: other, CredentialARN: secret}, want: CredentialMismatch()},
		"own other region":         {rule: CacheRule{URL: "123456789012.dkr.ecr.eu-west-1.amazonaws.com"}, kind: UpstreamECR},
		"itself":                   {rule: CacheRule{URL: "123456789012.dkr.ecr.us-east-1.amazonaws.com"}, want: UpstreamIsSelf()},
		"anything":                 {rule: CacheRule{URL: "registry.example"}, want: InvalidUpstreamURL("registry.example")},
		"root of all":              {rule: CacheRule{URL: "quay.io", Prefix: RootPrefix}, kind: UpstreamQuay},
		"root of root":             {rule: CacheRule{URL: "quay.io", Prefix: RootPrefix, UpstreamPrefix: RootPrefix}, kind: UpstreamQuay},
		"root of a part":           {rule: CacheRule{URL: "quay.io", Prefix: RootPrefix, UpstreamPrefix: "part"}, want: UpstreamPrefixOfRoot()},
		"part of a part":           {rule: CacheRule{URL: "quay.io", Prefix: "here", UpstreamPrefix: "part"}, kind: UpstreamQuay},
	} {
		if c.rule.Prefix == "" {
			c.rule.Prefix = "cache"
		}
		err := c.rule.Validate(home)
		var e *Error
		switch {
		case c.want == nil && (err != nil || c.rule.Kind != c.kind):
			t.Errorf("%s: %v, kind %s; want kind %s", name, err, c.rule.Kind, c.kind)
		case c.want != nil && (!errors.As(err, &e) || *e != *c.want):
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
