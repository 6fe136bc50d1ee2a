package iam

// A second evaluator, slow and obvious: it works on the decoded JSON, compiles
// nothing and shares no code with the real one. Tests compare the two.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

type slowPolicy struct {
	doc   map[string]any
	trust bool
}

type slowPolicies struct {
	identity                    []*slowPolicy
	session, resource, registry *slowPolicy
}

func slowParse(t testing.TB, g Grammar, document string) *slowPolicy {
	t.Helper()
	if document == "" {
		return nil
	}
	d := json.NewDecoder(strings.NewReader(document))
	d.UseNumber()
	p := &slowPolicy{trust: g == TrustPolicy}
	if err := d.Decode(&p.doc); err != nil {
		t.Fatal(err)
	}
	return p
}

// slowEvaluate answers as Evaluate, but for which statement decided.
func slowEvaluate(r Request, p slowPolicies) (allowed, explicit bool, by Source) {
	if r.Principal.ARN == "" {
		return false, false, ResourceBased
	}
	var identityAllows, sessionAllows, namedAllows, accountAllows bool
	for _, policy := range p.identity {
		for _, s := range slowStatements(policy) {
			if slowApplies(policy, s, r) {
				if s["Effect"] == "Deny" {
					return false, true, IdentityBased
				}
				identityAllows = true
			}
		}
	}
	for _, s := range slowStatements(p.session) {
		if slowApplies(p.session, s, r) {
			if s["Effect"] == "Deny" {
				return false, true, SessionBased
			}
			sessionAllows = true
		}
	}
	for _, policy := range []*slowPolicy{p.resource, p.registry} {
		for _, s := range slowStatements(policy) {
			named, account := slowNames(s, r.Principal)
			if (named || account) && slowApplies(policy, s, r) {
				if s["Effect"] == "Deny" {
					return false, true, ResourceBased
				}
				namedAllows = namedAllows || named
				accountAllows = accountAllows || account
			}
		}
	}

	kind := r.Principal.Kind
	resourceAllows := namedAllows || accountAllows
	sameAccount := r.Principal.Account == r.Account
	tokenAction := strings.ToLower(r.Action) == "ecr:getauthorizationtoken"
	trust := p.resource != nil && p.resource.trust || strings.HasPrefix(r.Action, "sts:AssumeRole")
	if kind == Root {
		identityAllows = true
	}
	identitySource := IdentityBased
	if kind == Root {
		identitySource = Ownership
	}

	var missing Source
	switch {
	case kind == Federated:
		by = ResourceBased
		if !resourceAllows {
			missing = ResourceBased
		}
	case tokenAction:
		by = identitySource
		if !identityAllows {
			missing = IdentityBased
		}
	case !sameAccount:
		by = ResourceBased
		if !identityAllows {
			missing = IdentityBased
		} else if !resourceAllows {
			missing = ResourceBased
		}
	case kind == Root:
		by = Ownership
	case trust:
		by = ResourceBased
		if !resourceAllows {
			missing = ResourceBased
		} else if !namedAllows {
			by = IdentityBased
			if !identityAllows {
				missing = IdentityBased
			}
		}
	case identityAllows:
		by = IdentityBased
	case namedAllows:
		by = ResourceBased
	default:
		missing = IdentityBased
	}
	if missing != "" {
		return false, false, missing
	}
	if p.session != nil && !sessionAllows {
		return false, false, SessionBased
	}
	return true, by != Ownership, by
}

func slowList(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func slowStatements(p *slowPolicy) []map[string]any {
	if p == nil {
		return nil
	}
	var all []map[string]any
	for _, s := range slowList(p.doc["Statement"]) {
		all = append(all, s.(map[string]any))
	}
	return all
}

// slowNames says whether the statement is about the caller itself, or about all
// of its account.
func slowNames(s map[string]any, p Principal) (named, account bool) {
	not := false
	principal, ok := s["Principal"]
	if !ok {
		principal, not = s["NotPrincipal"], true
	}
	everyone := false
	for _, sort := range []string{"AWS", "Federated", "Service"} {
		var names []any
		if block, ok := principal.(map[string]any); ok {
			if names = slowList(block[sort]); block[sort] == nil {
				continue
			}
		} else if sort == "AWS" {
			names = []any{"*"}
		}
		for _, n := range names {
			name := n.(string)
			switch {
			case sort == "AWS" && name == "*":
				everyone = true
			case sort == "Federated" && p.Kind == Federated && name == p.ARN:
				named = true
			case sort == "AWS" && p.Kind != Federated:
				if name == p.Account || name == "arn:aws:iam::"+p.Account+":root" {
					account = true
				}
				if name == p.ARN && p.Kind != Root {
					named = true
				}
				if p.Kind == AssumedRole && name == "arn:aws:iam::"+p.Account+":role/"+p.Name {
					named = true
				}
			}
		}
	}
	deny := s["Effect"] == "Deny"
	if p.Kind == Federated {
		switch {
		case not && deny:
			return !named && !everyone, false
		case not:
			return false, false
		case deny:
			return named || everyone, false
		}
		return named, false
	}
	if everyone {
		named = true
	}
	if not && deny && account && !named && p.Kind != Root {
		for _, n := range slowList(principal.(map[string]any)["AWS"]) {
			name := n.(string)
			if strings.Contains(name, "::"+p.Account+":") && !strings.HasSuffix(name, ":root") {
				account = false
			}
		}
	}
	if not {
		return !named && !account, false
	}
	if named {
		return true, false
	}
	return false, account
}

func slowApplies(p *slowPolicy, s map[string]any, r Request) bool {
	variables := p.doc["Version"] == "2012-10-17"
	any1 := func(v any, match func(string) bool) bool {
		for _, x := range slowList(v) {
			if match(x.(string)) {
				return true
			}
		}
		return false
	}
	actions := []string{strings.ToLower(r.Action)}
	_, not := s["NotAction"]
	if deny := s["Effect"] == "Deny"; deny && !not || !deny && not {
		switch r.Action {
		case "ecru:CreateUser":
			actions = append(actions, "iam:createuser")
		case "ecru:RotateAccessKey":
			actions = append(actions, "iam:createaccesskey")
		case "ecru:CreateAccount":
			actions = append(actions, "organizations:createaccount")
		case "ecru:ClearPolicies":
			actions = append(actions, "ecr:deleterepositorypolicy", "ecr:deleteregistrypolicy")
		}
	}
	action := func(x string) bool {
		for _, a := range actions {
			if slowWild(slowPattern(strings.ToLower(x), true, false, nil), a) {
				return true
			}
		}
		return false
	}
	resource := func(x string) bool {
		return slowWild(slowPattern(x, true, variables, r.Context), r.Resource)
	}
	if v, ok := s["Action"]; ok && !any1(v, action) {
		return false
	}
	if v, ok := s["NotAction"]; ok && any1(v, action) {
		return false
	}
	if v, ok := s["Resource"]; ok && !any1(v, resource) {
		return false
	}
	if v, ok := s["NotResource"]; ok && any1(v, resource) {
		return false
	}
	if block, ok := s["Condition"]; ok {
		for operator, keys := range block.(map[string]any) {
			for key, wanted := range keys.(map[string]any) {
				if !slowCondition(strings.ToLower(operator), strings.ToLower(key), slowList(wanted), variables, r.Context) {
					return false
				}
			}
		}
	}
	return true
}

func slowCondition(operator, key string, wanted []any, variables bool, context map[string][]string) bool {
	given := context[key]
	if operator == "null" {
		for _, w := range wanted {
			if slowText(w) == "true" && len(given) == 0 || slowText(w) == "false" && len(given) > 0 {
				return true
			}
		}
		return false
	}
	operator, ifExists := strings.CutSuffix(operator, "ifexists")
	operator, all := strings.CutPrefix(operator, "forallvalues:")
	operator, some := strings.CutPrefix(operator, "foranyvalue:")
	negated := strings.Contains(operator, "not")
	operator = strings.Replace(operator, "not", "", 1)
	if len(given) == 0 {
		switch {
		case ifExists, all:
			return true
		case some:
			return false
		}
		return negated
	}
	matching := 0 // values of the request that match any wanted
	for _, value := range given {
		for _, w := range wanted {
			if slowCompare(operator, slowText(w), value, variables, context) {
				matching++
				break
			}
		}
	}
	switch {
	case all && negated:
		return matching == 0
	case all:
		return matching == len(given)
	case some && negated:
		return matching < len(given)
	case negated:
		return matching == 0
	}
	return matching > 0
}

func slowText(w any) string {
	switch x := w.(type) {
	case bool:
		return strconv.FormatBool(x)
	case json.Number:
		return string(x)
	}
	return strings.Clone(w.(string))
}

func slowCompare(operator, wanted, value string, variables bool, context map[string][]string) bool {
	switch operator {
	case "stringequals":
		return slowWild(slowPattern(wanted, false, variables, context), value)
	case "stringequalsignorecase":
		var text strings.Builder
		for _, c := range slowPattern(wanted, false, variables, context) {
			text.WriteRune(c.char)
		}
		return strings.EqualFold(text.String(), value)
	case "stringlike":
		return slowWild(slowPattern(wanted, true, variables, context), value)
	case "arnequals", "arnlike":
		return slowARN(slowPattern(wanted, true, variables, context), value)
	case "bool":
		return slowIsBool(value) && strings.EqualFold(wanted, value)
	case "binaryequals":
		a, errA := base64.StdEncoding.Strict().DecodeString(wanted)
		b, errB := base64.StdEncoding.Strict().DecodeString(value)
		return errA == nil && errB == nil && bytes.Equal(a, b)
	case "ipaddress":
		return slowIP(wanted, value)
	}
	less, equal, ok := false, false, false
	if rest, found := strings.CutPrefix(operator, "numeric"); found {
		less, equal, ok = slowNumbers(value, wanted)
		operator = rest
	} else if rest, found := strings.CutPrefix(operator, "date"); found {
		less, equal, ok = slowDates(value, wanted)
		operator = rest
	}
	if !ok {
		return false
	}
	switch operator {
	case "equals":
		return equal
	case "lessthan":
		return less
	case "lessthanequals":
		return less || equal
	case "greaterthan":
		return !less && !equal
	case "greaterthanequals":
		return !less
	}
	panic("no such operator: " + operator)
}

func slowIsBool(s string) bool { return strings.EqualFold(s, "true") || strings.EqualFold(s, "false") }

var slowNumber = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)

func slowNumbers(a, b string) (less, equal, ok bool) {
	if !slowNumber.MatchString(a) || !slowNumber.MatchString(b) {
		return false, false, false
	}
	i, errI := strconv.ParseInt(a, 10, 64)
	j, errJ := strconv.ParseInt(b, 10, 64)
	if errI == nil && errJ == nil {
		return i < j, i == j, true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return x < y, x == y, errX == nil && errY == nil
}

func slowDates(a, b string) (less, equal, ok bool) {
	x, okX := slowDate(a)
	y, okY := slowDate(b)
	return x.Before(y), x.Equal(y), okX && okY
}

func slowDate(s string) (time.Time, bool) {
	if len(s) > 40 {
		return time.Time{}, false
	}
	if slowEpoch.MatchString(s) {
		seconds, _ := strconv.Atoi(s)
		return time.Unix(int64(seconds), 0), true
	}
	for _, layout := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func slowIP(wanted, value string) bool {
	value, _, _ = strings.Cut(value, "%")
	address := net.ParseIP(value)
	if address == nil {
		return false
	}
	if !strings.Contains(wanted, "/") {
		return net.ParseIP(wanted).Equal(address)
	}
	_, network, err := net.ParseCIDR(wanted)
	if err != nil {
		return false
	}
	return network.Contains(address)
}

func slowARN(pattern []slowChar, value string) bool {
	var fields [][]slowChar
	var field []slowChar
	for _, c := range pattern {
		if c.char == ':' && len(fields) < 5 {
			fields, field = append(fields, field), nil
			continue
		}
		field = append(field, c)
	}
	fields = append(fields, field)
	if len(fields) < 6 && (len(pattern) == 0 || !pattern[len(pattern)-1].many) {
		return false
	}
	for len(fields) < 6 {
		fields = append(fields, []slowChar{{many: true}})
	}
	values := strings.SplitN(value, ":", 6)
	if len(values) < 6 {
		return false
	}
	for i := range fields {
		if !slowWild(fields[i], values[i]) {
			return false
		}
	}
	return true
}

// slowChar is a character of a pattern, or a wildcard.
type slowChar struct {
	many, one bool
	char      rune
}

var (
	slowVariable = regexp.MustCompile(`^\$\{([^}]+)\}`)
	slowDefault  = regexp.MustCompile(`(?s)^([^,]*),\s*'(.*)'\s*$`)
	slowEpoch    = regexp.MustCompile(`^([0-9]{1,3}|[0-9]{5,12})$`)
)

func slowPattern(text string, wild, variables bool, context map[string][]string) []slowChar {
	var all []slowChar
	literal := func(s string) {
		for _, r := range s {
			all = append(all, slowChar{char: r})
		}
	}
	for text != "" {
		var found []string
		if variables && text[0] == '$' {
			found = slowVariable.FindStringSubmatch(text)
		}
		if found != nil {
			text = text[len(found[0]):]
			name := found[1]
			if name == "*" || name == "?" || name == "$" {
				literal(name)
				continue
			}
			fallback := found[0]
			if m := slowDefault.FindStringSubmatch(name); m != nil {
				name, fallback = strings.TrimSpace(m[1]), m[2]
			}
			if given := context[strings.ToLower(name)]; len(given) == 1 {
				fallback = strings.ToValidUTF8(given[0], "\uFFFD")
			}
			literal(fallback)
			continue
		}
		r, width := utf8.DecodeRuneInString(text)
		text = text[width:]
		switch {
		case wild && r == '*':
			all = append(all, slowChar{many: true})
		case wild && r == '?':
			all = append(all, slowChar{one: true})
		default:
			literal(string(r))
		}
	}
	return all
}

func slowWild(pattern []slowChar, s string) bool {
	value := []rune(s)
	const yes, no = 1, 2
	known := make([]byte, (len(pattern)+1)*(len(value)+1))
	var match func(i, j int) bool
	match = func(i, j int) bool {
		memo := &known[i*(len(value)+1)+j]
		if *memo != 0 {
			return *memo == yes
		}
		result := false
		switch {
		case i == len(pattern):
			result = j == len(value)
		case pattern[i].many:
			result = match(i+1, j) || j < len(value) && match(i, j+1)
		case j < len(value) && (pattern[i].one || pattern[i].char == value[j]):
			result = match(i+1, j+1)
		}
		*memo = no
		if result {
			*memo = yes
		}
		return result
	}
	return match(0, 0)
}
