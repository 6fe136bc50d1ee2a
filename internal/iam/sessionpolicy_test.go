package iam

import (
	"errors"
	"strings"
	"testing"
)

func TestSessionPoliciesAreJoined(t *testing.T) {
	const readOnly = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
	inline := `{ "Version": "2012-10-17",
		"Statement": {"Sid": "A", "Effect": "Allow", "Action": "ecr:PutImage", "Resource": "*"} }`
	for name, c := range map[string]struct {
		document string
		managed  []string
		allows   []string
		refuses  []string
	}{
		"document alone":  {inline, nil, []string{"ecr:PutImage"}, []string{"ecr:ListImages"}},
		"managed by ARN":  {"", []string{readOnly}, []string{"ecr:ListImages"}, []string{"ecr:PutImage"}},
		"managed by name": {"", []string{"AmazonEC2ContainerRegistryPullOnly"}, []string{"ecr:BatchGetImage"}, []string{"ecr:ListImages"}},
		"both":            {inline, []string{readOnly, readOnly}, []string{"ecr:PutImage", "ecr:ListImages"}, []string{"ecr:DeleteRepository"}},
	} {
		joined, err := JoinSessionPolicy(c.document, c.managed)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if strings.ContainsAny(joined, "\n\t ") {
			t.Errorf("%s: not compact: %s", name, joined)
		}
		policy, err := Parse("", SessionPolicy, joined)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		ask := func(action string) bool {
			return Evaluate(Request{Principal: RootPrincipal("000000000000", "ASIA"), Action: action, Account: "000000000000", Resource: "*"}, Policies{Session: policy}).Allowed
		}
		for _, action := range c.allows {
			if !ask(action) {
				t.Errorf("%s: %s is refused by %s", name, action, joined)
			}
		}
		for _, action := range c.refuses {
			if ask(action) {
				t.Errorf("%s: %s is allowed by %s", name, action, joined)
			}
		}
	}
	if joined, err := JoinSessionPolicy("", nil); joined != "" || err != nil {
		t.Errorf("nothing joined: %q, %v", joined, err)
	}
	if _, err := JoinSessionPolicy("", []string{"arn:aws:iam::000000000000:policy/mine"}); !errors.Is(err, ErrNoSuchPolicy) {
		t.Errorf("an unknown policy: %v", err)
	}
	if _, err := JoinSessionPolicy("{}", nil); err == nil {
		t.Error("a policy without statements was accepted")
	}
	old := strings.Replace(inline, "2012", "2008", 1)
	if _, err := JoinSessionPolicy(old, []string{readOnly}); err == nil || err.Error() != "with managed policies beside it, Version must be 2012-10-17" {
		t.Errorf("two versions of the language in one: %v", err)
	}
}

func TestClaimedIssuers(t *testing.T) {
	for token, want := range map[string]string{
		"eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUifQ.c2ln": "https://id.example",
		"eyJhbGciOiJub25lIn0.eyJpc3MiOjF9.c2ln":                           "",
		"eyJhbGciOiJub25lIn0.e30.c2ln":                                    "",
		"a.b":                                                             "",
		"a.b.c.d":                                                         "",
		"a.!.c":                                                           "",
		"a." + strings.Repeat("e", MaxIdentityToken) + ".c": "",
	} {
		if got, ok := ClaimedIssuer(token); got != want || ok != (want != "") {
			t.Errorf("%.40s: %q, %v", token, got, ok)
		}
	}
}

func TestClaimsAreConditionKeysInLowerCase(t *testing.T) {
	token := IdentityToken{Claims: map[string][]string{"sub": {"a"}, "Sub": {"b"}, "JobName": {"c"}}}
	got := token.ConditionKeys("ID.example/Tenant")
	if len(got) != 2 || got["id.example/tenant:sub"][0] != "a" || got["id.example/tenant:jobname"][0] != "c" {
		t.Errorf("%v", got)
	}
}
