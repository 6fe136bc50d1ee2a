package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ECR does not give a policy back as it was put: it writes the JSON anew, in
// the layout of Jackson's default printer, with members in the order in which
// they were given. People compare texts, so ecru writes the same.

// defaultPolicyVersion is that of a policy that names none.
const defaultPolicyVersion = "2008-10-17"

// maxPolicyDepth bounds the nesting, and with it the indentation: a policy of
// the grammar has less.
const maxPolicyDepth = 32

var (
	errPolicyDepth  = errors.New("the policy is nested too deeply")
	errPolicyObject = errors.New("the policy is not a JSON object")
)

// policyWriter writes a stream of JSON tokens anew.
type policyWriter struct {
	in      *json.Decoder
	out     bytes.Buffer
	objects int // that are open, which is how far members are indented
	nested  int // objects and lists that are open
}

// rewritePolicy answers a policy in ECR's layout, with a version if it names
// none.
func rewritePolicy(text string) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		return "", err
	}
	if members == nil {
		return "", errPolicyObject
	}
	version := defaultPolicyVersion
	if _, named := members["Version"]; named {
		version = ""
	}
	w := policyWriter{in: json.NewDecoder(strings.NewReader(text))}
	w.in.UseNumber()
	if _, err := w.in.Token(); err != nil { // the brace
		return "", err
	}
	if err := w.object(version); err != nil {
		return "", err
	}
	return w.out.String(), nil
}

// value writes the value that comes next.
func (w *policyWriter) value() error {
	token, err := w.in.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return w.composite(t)
	case string:
		w.text(t)
	case json.Number:
		w.out.WriteString(t.String())
	case bool:
		w.out.WriteString(strconv.FormatBool(t))
	default:
		w.out.WriteString("null")
	}
	return nil
}

func (w *policyWriter) composite(start json.Delim) error {
	w.nested++
	defer func() { w.nested-- }()
	if w.nested > maxPolicyDepth {
		return errPolicyDepth
	}
	if start == '{' {
		return w.object("")
	}
	return w.list()
}

// object writes an object whose brace has been read, each member on a line of
// its own. A version, if given, becomes the first of them.
func (w *policyWriter) object(version string) error {
	w.out.WriteByte('{')
	w.objects++
	separator := ""
	if version != "" {
		w.line(separator)
		w.out.WriteString(`"Version" : "` + version + `"`)
		separator = ","
	}
	for ; w.in.More(); separator = "," {
		w.line(separator)
		if err := w.value(); err != nil { // its name
			return err
		}
		w.out.WriteString(" : ")
		if err := w.value(); err != nil {
			return err
		}
	}
	w.objects--
	if separator == "" {
		w.out.WriteByte(' ')
	} else {
		w.line("")
	}
	return w.end('}')
}

// list writes a list whose bracket has been read. It does not break the line.
func (w *policyWriter) list() error {
	w.out.WriteByte('[')
	for separator := " "; w.in.More(); separator = ", " {
		w.out.WriteString(separator)
		if err := w.value(); err != nil {
			return err
		}
	}
	w.out.WriteByte(' ')
	return w.end(']')
}

// end reads and writes the end of an object or a list.
func (w *policyWriter) end(mark byte) error {
	w.out.WriteByte(mark)
	_, err := w.in.Token()
	return err
}

// line ends a line and indents the next.
func (w *policyWriter) line(separator string) {
	w.out.WriteString(separator + "\n")
	for range w.objects {
		w.out.WriteString("  ")
	}
}

// text writes a string, escaping what JSON demands and nothing else.
func (w *policyWriter) text(s string) {
	w.out.WriteByte('"')
	for _, r := range s {
		switch short := strings.IndexRune("\"\\\b\f\n\r\t", r); {
		case short >= 0:
			w.out.WriteByte('\\')
			w.out.WriteByte(`"\bfnrt`[short])
		case r < ' ':
			fmt.Fprintf(&w.out, `\u%04X`, r)
		default:
			w.out.WriteRune(r)
		}
	}
	w.out.WriteByte('"')
}
