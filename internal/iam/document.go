package iam

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of a policy document. The limits of each kind of policy are tighter
// and belong to whoever stores it; these keep any document harmless.
const (
	maxDocument   = 128 << 10
	maxDepth      = 8 // policy, statements, statement, condition, operator, values: 6
	maxStatements = 1000
)

// nodeKind is the sort of a JSON value. Conditions take numbers and booleans
// for the strings that they are written as.
type nodeKind int

const (
	nullNode nodeKind = iota
	textNode
	numberNode
	boolNode
	listNode
	objectNode
)

// node is a JSON value with the order of members kept, so that errors and
// decisions can say which statement.
type node struct {
	kind    nodeKind
	text    string // of strings, numbers and booleans
	items   []node
	members []member
}

type member struct {
	key   string
	value node
}

// decode reads a document. Unlike encoding/json alone it refuses repeated
// members, of which readers disagree about the one that counts.
func decode(document string) (node, error) {
	switch {
	case len(document) > maxDocument:
		return node{}, fmt.Errorf("the document is longer than %d bytes", maxDocument)
	case strings.TrimSpace(document) == "":
		return node{}, errors.New("the document is empty")
	case !utf8.ValidString(document):
		return node{}, errors.New("the document is not UTF-8")
	}
	var whole json.RawMessage
	if err := json.Unmarshal([]byte(document), &whole); err != nil {
		return node{}, fmt.Errorf("the document is not JSON: %w", err)
	}
	tokens := json.NewDecoder(strings.NewReader(document))
	tokens.UseNumber()
	return decodeValue(tokens, 0)
}

func decodeValue(tokens *json.Decoder, depth int) (node, error) {
	if depth > maxDepth {
		return node{}, errors.New("the document is nested too deeply")
	}
	token, err := tokens.Token()
	if err != nil {
		return node{}, fmt.Errorf("the document is not JSON: %w", err)
	}
	switch t := token.(type) {
	case string:
		return node{kind: textNode, text: t}, nil
	case json.Number:
		return node{kind: numberNode, text: t.String()}, nil
	case bool:
		return node{kind: boolNode, text: strconv.FormatBool(t)}, nil
	case json.Delim:
		if t == '{' {
			return decodeObject(tokens, depth)
		}
		return decodeList(tokens, depth)
	}
	return node{kind: nullNode}, nil
}

func decodeList(tokens *json.Decoder, depth int) (node, error) {
	list := node{kind: listNode}
	for tokens.More() {
		item, err := decodeValue(tokens, depth+1)
		if err != nil {
			return node{}, err
		}
		list.items = append(list.items, item)
	}
	return list, closed(tokens)
}

func decodeObject(tokens *json.Decoder, depth int) (node, error) {
	object := node{kind: objectNode}
	seen := map[string]bool{}
	for tokens.More() {
		token, err := tokens.Token()
		if err != nil {
			return node{}, fmt.Errorf("the document is not JSON: %w", err)
		}
		key, _ := token.(string)
		if seen[key] {
			return node{}, fmt.Errorf("the element %s is given twice", quote(key))
		}
		seen[key] = true
		value, err := decodeValue(tokens, depth+1)
		if err != nil {
			return node{}, err
		}
		object.members = append(object.members, member{key, value})
	}
	return object, closed(tokens)
}

// closed reads the end of a list or an object.
func closed(tokens *json.Decoder) error {
	if _, err := tokens.Token(); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the document is not JSON: %w", err)
	}
	return nil
}

// texts answers the strings of an element that is a string or a list of them.
func (n node) texts(element string) ([]string, error) {
	switch n.kind {
	case textNode:
		return []string{n.text}, nil
	case listNode:
		if len(n.items) == 0 {
			return nil, fmt.Errorf("%s is empty", element)
		}
		all := make([]string, 0, len(n.items))
		for _, item := range n.items {
			if item.kind != textNode {
				return nil, fmt.Errorf("%s must be a string or a list of strings", element)
			}
			all = append(all, item.text)
		}
		return all, nil
	default:
		return nil, fmt.Errorf("%s must be a string or a list of strings", element)
	}
}

// quote repeats a part of a document in an error, not the whole of a long one.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return fmt.Sprintf("%q", s)
}
