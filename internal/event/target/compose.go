package target

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/ecru-registry/ecru/internal/event"
	"github.com/ecru-registry/ecru/internal/event/delivery"
	"github.com/ecru-registry/ecru/internal/event/transform"
)

// outgoing is a message in the form that an API destination wants.
type outgoing struct {
	header http.Header
	body   []byte
}

// composer puts a message into the form that a destination wants.
type composer struct {
	to     *destination
	target event.Target
	m      delivery.Message
	now    time.Time
	// cloudEvents asks for a CloudEvent even if no header does.
	cloudEvents bool

	header     http.Header
	ownType    bool // the Content-Type was given
	expander   *transform.Expander
	signatures []signature
}

// compose makes headers and body. HTTP and NATS have them in common.
func (c *composer) compose() (outgoing, error) {
	c.header = http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	if err := c.addHeaders(); err != nil {
		return outgoing{}, err
	}
	body, err := withParameters(c.m.Body, c.to.auth.Invocation.Body)
	if err != nil {
		return outgoing{}, err
	}
	if body, err = c.cloudEvent(body); err != nil {
		return outgoing{}, err
	}
	c.authorize()
	for _, s := range c.signatures {
		s.sign(c.header, c.m.ID, c.now, body)
	}
	return outgoing{header: c.header, body: body}, nil
}

// addHeaders adds those of the target, then those of the connection, which win.
func (c *composer) addHeaders() error {
	if c.target.HTTP != nil {
		for _, name := range slices.Sorted(maps.Keys(c.target.HTTP.Header)) {
			value, err := c.expand(c.target.HTTP.Header[name])
			if err == nil {
				err = c.add(name, value)
			}
			if err != nil {
				return err
			}
		}
	}
	for _, p := range c.to.auth.Invocation.Header {
		if err := c.add(p.Key, p.Value); err != nil {
			return err
		}
	}
	return nil
}

// expand fills the event into the value of an HTTP parameter.
func (c *composer) expand(value string) (string, error) {
	if c.expander == nil {
		c.expander = transform.NewExpander(c.m.Event)
	}
	text, ok := c.expander.Expand(value)
	if !ok {
		return "", never(fmt.Errorf("the HTTP parameters that would be made of the event are too large: at most %d bytes", transform.MaxExpanded))
	}
	return text, nil
}

func (c *composer) add(name, value string) error {
	switch {
	case isSignature(name):
		c.signatures = append(c.signatures, signature{name, value})
	case reserved(name):
	case !httpguts.ValidHeaderFieldName(name):
		return never(fmt.Errorf("%q cannot be the name of a header", name))
	case !httpguts.ValidHeaderFieldValue(value):
		return never(fmt.Errorf("the value of the header %s has characters that no header may have", name))
	default:
		c.header.Set(name, value)
		c.ownType = c.ownType || strings.EqualFold(name, "Content-Type")
	}
	return nil
}

// reserved are headers that are the sender's own business, or that of the
// connection. What users say of them is dropped, as EventBridge does.
func reserved(name string) bool {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "x-amz") || strings.HasPrefix(name, "proxy-") {
		return true
	}
	switch name {
	case "host", "content-length", "content-encoding", "content-md5", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade",
		"expect", "http2-settings", "date", "user-agent", "forwarded", "via", "max-forwards", "range", "referer", "origin", "accept-encoding":
		return true
	}
	return false
}

// authorize adds what BASIC and API_KEY prove themselves with; a token of OAuth
// is added when it is sent.
func (c *composer) authorize() {
	switch auth := c.to.auth; auth.Kind {
	case event.BasicAuthorization:
		c.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(auth.Name+":"+auth.Secret)))
	case event.APIKeyAuthorization:
		if isSignature(auth.Name) {
			c.signatures = append(c.signatures, signature{auth.Name, auth.Secret})
		} else {
			c.header.Set(auth.Name, auth.Secret)
		}
	case event.OAuthAuthorization: // when it is sent
	}
}

// withParameters puts a connection's parameters into a body.
func withParameters(body []byte, all []event.Parameter) ([]byte, error) {
	if len(all) == 0 {
		return body, nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(body, &object); err != nil || object == nil {
		return nil, never(errors.New("the connection adds parameters to the body, which is not a JSON object"))
	}
	for _, p := range all {
		value, err := json.Marshal(p.Value)
		if err != nil {
			return nil, never(err)
		}
		object[p.Key] = value
	}
	merged, err := marshal(object)
	return bytes.TrimSuffix(merged, []byte("\n")), err
}

// marshal is JSON that leaves <, > and & as they are. It ends with a newline.
func marshal(v any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return out.Bytes(), err
}

// cloudEvent makes a CloudEvent of the message if a header asks for it: of the
// structured or of the binary kind.
func (c *composer) cloudEvent(body []byte) ([]byte, error) {
	contentType, _, _ := mime.ParseMediaType(c.header.Get("Content-Type"))
	if c.cloudEvents && contentType != event.CloudMediaType {
		contentType = event.CloudMediaType
		c.header.Set("Content-Type", event.CloudMediaType)
	}
	switch {
	case contentType == event.CloudMediaType:
		return structured(c.m, body)
	case c.header.Get("Ce-Specversion") == event.CloudSpecVersion:
		return body, c.binary(body)
	}
	return body, nil
}

// structured puts a body into a CloudEvent.
func structured(m delivery.Message, body []byte) ([]byte, error) {
	e, err := event.Decode(m.Event)
	if err != nil {
		return nil, never(err)
	}
	out, err := event.CloudEvent(body, e)
	if err != nil {
		return nil, never(err)
	}
	return out, nil
}

// binary says in headers what a CloudEvent says beside its data.
func (c *composer) binary(body []byte) error {
	e, err := event.Decode(c.m.Event)
	if err != nil {
		return never(err)
	}
	for name, value := range event.CloudAttributes(e) {
		c.header.Set("ce-"+name, event.CloudHeader(value))
	}
	if !c.ownType {
		c.header.Set("Content-Type", event.CloudDataType(body))
	}
	return nil
}

// messageID is the same for every attempt to bring an event to a target, and
// another one when the event is replayed.
func messageID(m delivery.Message) string {
	id := m.ID + " " + m.RuleARN + " " + m.TargetID
	if !bytes.Contains(m.Event, []byte(`"replay-name"`)) {
		return id
	}
	var e struct {
		Replay string `json:"replay-name"`
	}
	if json.Unmarshal(m.Event, &e) == nil && e.Replay != "" {
		id += " " + e.Replay
	}
	return id
}

// path fills path values into an endpoint's path; escape makes a value one part.
func (c *composer) path(path string, escape func(string) (string, error)) (string, error) {
	parts := strings.Split(path, "*")
	if len(parts) == 1 {
		return path, nil
	}
	var values []string
	if c.target.HTTP != nil {
		values = c.target.HTTP.PathValues
	}
	if len(values) < len(parts)-1 {
		return "", never(fmt.Errorf("the endpoint takes %d path values, and the target has %d", len(parts)-1, len(values)))
	}
	var out strings.Builder
	for i, part := range parts {
		out.WriteString(part)
		if i == len(parts)-1 {
			break
		}
		value, err := c.expand(values[i])
		if err == nil {
			value, err = escape(value)
		}
		if err != nil {
			return "", err
		}
		out.WriteString(value)
	}
	return out.String(), nil
}

// pathValue is a value as one part of a URL's path.
func pathValue(value string) (string, error) {
	if value == "" || value == "." || value == ".." {
		return "", never(fmt.Errorf("a path value is %q, which leads elsewhere", value))
	}
	return url.PathEscape(value), nil
}

// query is the endpoint's, with what the target and then the connection add.
func (c *composer) query() (string, error) {
	added := url.Values{}
	if c.target.HTTP != nil {
		for name, value := range c.target.HTTP.Query {
			text, err := c.expand(value)
			if err != nil {
				return "", err
			}
			added.Set(name, text)
		}
	}
	for _, p := range c.to.auth.Invocation.Query {
		added.Set(p.Key, p.Value)
	}
	return joinQuery(c.to.endpoint.Query, added), nil
}
