package oci

import (
	"net/url"
	"strings"

	"github.com/ecru-registry/ecru/internal/reqlog"
)

// parameters tells an audit log what a request is about, in the members of the
// operation of ECR's API that it stands for.
func (x *exchange) parameters(out []byte) []byte {
	t, begin := &x.target, len(out)
	set := func(name, value string) {
		if value == "" {
			return
		}
		out = append(out, ",\""...)
		out = append(append(out, name...), "\":"...)
		out = reqlog.AppendString(out, value)
	}
	if t.kind == kindLayer {
		set("registryId", t.account)
	} else {
		set("registryId", x.caller.Registry)
	}
	set("repositoryName", t.name)
	switch t.kind {
	case kindManifest, kindReferrers:
		if strings.Contains(t.ref, ":") {
			set("imageDigest", t.ref)
		} else {
			set("imageTag", t.ref)
		}
	case kindBlob, kindLayer:
		set("layerDigest", t.ref)
	case kindUpload, kindUploads:
		set("uploadId", t.ref)
		if query, err := url.ParseQuery(x.r.URL.RawQuery); err == nil {
			set("layerDigest", query.Get("digest"))
			set("mount", query.Get("mount"))
			set("from", query.Get("from"))
		}
	default: // about the repository as a whole, or the registry
	}
	if len(out) == begin {
		return out
	}
	out[begin] = '{'
	return append(out, '}')
}
