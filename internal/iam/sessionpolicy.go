package iam

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrNoSuchPolicy says that there is no managed policy of a name.
var ErrNoSuchPolicy = errors.New("no such managed policy")

// policyVersion is the version of the language that has variables.
const policyVersion = "2012-10-17"

// JoinSessionPolicy makes the one policy that limits a session out of a
// document, which may be empty, and managed policies, by name or ARN: what any
// of them allows. It is "" where there is none. An error says what is wrong in
// words for whoever wrote the document, or is ErrNoSuchPolicy.
func JoinSessionPolicy(document string, managed []string) (string, error) {
	var parts []json.RawMessage
	if document != "" {
		if _, err := Parse("", SessionPolicy, document); err != nil {
			return "", err
		}
		if len(managed) == 0 {
			return compact(document)
		}
		if !strings.Contains(document, `"`+policyVersion+`"`) {
			return "", fmt.Errorf("with managed policies beside it, Version must be %s", policyVersion)
		}
		parts = statementsOf(document)
	}
	seen := map[string]bool{}
	for _, policy := range managed {
		name := strings.TrimPrefix(policy, managedPrefix)
		text, ok := managedDocuments[name]
		if !ok {
			return "", fmt.Errorf("%w: %s", ErrNoSuchPolicy, quote(policy))
		}
		if !seen[name] {
			parts = append(parts, statementsOf(text)...)
		}
		seen[name] = true
	}
	if len(parts) == 0 {
		return "", nil
	}
	joined, err := json.Marshal(map[string]any{"Version": policyVersion, "Statement": parts})
	if err != nil {
		return "", err
	}
	return compact(string(joined))
}

// statementsOf answers the statements of a document that was parsed.
func statementsOf(document string) []json.RawMessage {
	var policy map[string]json.RawMessage // the language knows exact names only
	if json.Unmarshal([]byte(document), &policy) != nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(policy["Statement"], &list) != nil {
		list = []json.RawMessage{policy["Statement"]}
	}
	return list
}

func compact(document string) (string, error) {
	var b bytes.Buffer
	err := json.Compact(&b, []byte(document))
	return b.String(), err
}
