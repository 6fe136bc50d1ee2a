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
func parameters(codec *wire.Codec, in any) []byte {
	v := reflect.ValueOf(in).Elem()
	kept := reflect.New(v.Type()).Elem()
	kept.Set(v)
	for i := range kept.NumField() {
		field := kept.Field(i)
		if !field.CanSet() {
			continue
		}
		if unlogged(v.Type().Field(i).Name, field) {
			field.SetZero()
		}
	}
	out, err := codec.Append(nil, kept.Addr().Interface())
	if err != nil {
		return nil
	}
	return out
}

func unlogged(name string, field reflect.Value) bool {
	if strings.Contains(name, "Secret") && !strings.HasSuffix(name, "SecretId") {
		return true
	}
	switch {
	case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Uint8:
		return true
	case field.Kind() == reflect.Pointer && !field.IsNil() && field.Elem().Kind() == reflect.String:
		return field.Elem().Len() > maxLoggedText
	case field.Kind() == reflect.String:
		return field.Len() > maxLoggedText
	}
	return false
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
