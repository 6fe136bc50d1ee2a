package awsapi

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"

	"github.com/ecru-registry/ecru/internal/awsapi/wire"
	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/reqlog"
)

// maxLoggedText is the longest text of a request that an audit log keeps:
// policies fit, manifests need not.
const maxLoggedText = 12 << 10

// identityOf tells who asks as logs want it.
func identityOf(p iam.Principal) reqlog.Identity {
	return reqlog.Identity{
		Kind: string(p.Kind), Account: p.Account, ARN: p.ARN, UserID: p.UserID, AccessKeyID: p.AccessKeyID, Name: p.Name,
	}
}

// parameters is an input as JSON for audit logs, without content: neither bytes
// nor long texts. Members whose name says that they are secret stay out.
func parameters(codec *wire.Codec, h *hidden, in any) []byte {
	kept := h.without(reflect.ValueOf(in).Elem())
	for i := range kept.NumField() {
		if field := kept.Field(i); field.CanSet() && isContent(field) {
			field.SetZero()
		}
	}
	out, err := codec.Append(nil, kept.Addr().Interface())
	if err != nil {
		return nil
	}
	return out
}

// isContent says whether a value is too large for a log.
func isContent(v reflect.Value) bool {
	switch {
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8:
		return true
	case v.Kind() == reflect.Pointer && !v.IsNil() && v.Elem().Kind() == reflect.String:
		return v.Elem().Len() > maxLoggedText
	case v.Kind() == reflect.String:
		return v.Len() > maxLoggedText
	}
	return false
}

// hidden is what of a structure no log may have: members of its own, and of the
// structures below it. Nil hides nothing.
type hidden struct {
	members []int
	below   map[int]*hidden
}

// isHidden goes by the names of members. HTTP parameters often carry a token, as
// do the paths of webhooks, and an event is somebody's content.
func isHidden(name string) bool {
	switch name {
	case "AuthParameters", "Password", "ApiKeyValue", "RotationToken", "HeaderParameters", "QueryStringParameters", "BodyParameters", "InvocationEndpoint", "Event", "Detail":
		return true
	case "SecretIdList":
		return false
	}
	return strings.Contains(name, "Secret") && !strings.HasSuffix(name, "SecretId")
}

// hiddenOf works out what of a type is hidden.
func hiddenOf(t reflect.Type) *hidden { return hiddenBelow(t, map[reflect.Type]bool{}) }

func hiddenBelow(t reflect.Type, within map[reflect.Type]bool) *hidden {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || within[t] {
		return nil
	}
	within[t] = true
	defer delete(within, t)
	h := &hidden{below: map[int]*hidden{}}
	for i := range t.NumField() {
		switch f := t.Field(i); {
		case !f.IsExported():
		case isHidden(f.Name):
			h.members = append(h.members, i)
		default:
			if below := hiddenBelow(f.Type, within); below != nil {
				h.below[i] = below
			}
		}
	}
	if len(h.members)+len(h.below) == 0 {
		return nil
	}
	return h
}

// without is a copy of a value without what is hidden; a structure may be
// changed.
func (h *hidden) without(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch {
	case v.Kind() == reflect.Struct:
		h.clear(out)
	case h == nil:
	case v.Kind() == reflect.Pointer && !v.IsNil():
		out.Set(h.without(v.Elem()).Addr())
	case v.Kind() == reflect.Slice && !v.IsNil():
		out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			out.Index(i).Set(h.without(v.Index(i)))
		}
	case v.Kind() == reflect.Map && !v.IsNil():
		out.Set(reflect.MakeMapWithSize(v.Type(), v.Len()))
		for key, value := range v.Seq2() {
			out.SetMapIndex(key, h.without(value))
		}
	}
	return out
}

func (h *hidden) clear(structure reflect.Value) {
	if h == nil {
		return
	}
	for _, i := range h.members {
		structure.Field(i).SetZero()
	}
	for i, below := range h.below {
		structure.Field(i).Set(below.without(structure.Field(i)))
	}
}

// formParameters is a form as JSON for audit logs, without signatures and
// tokens.
func formParameters(form url.Values) []byte {
	kept := map[string]string{}
	for name, values := range form {
		if name == "" || name == "Action" || name == "Version" || strings.HasPrefix(name, "X-Amz-") || strings.Contains(name, "Token") || len(values) == 0 || len(values[0]) > maxLoggedText {
			continue
		}
		kept[strings.ToLower(name[:1])+name[1:]] = values[0]
	}
	out, _ := json.Marshal(kept) // texts always encode
	return out
}
