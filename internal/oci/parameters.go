package oci

import (
	"encoding/json"
	"net/url"
	"strings"
)

// parameters tells an audit log what a request is about, in the members of the
// operation of ECR's API that it stands for.
func (x *exchange) parameters() []byte {
	t := x.target
	out := map[string]string{}
	set := func(name, value string) {
		if value != "" {
			out[name] = value
		}
	}
	set("registryId", x.caller.Registry)
	if t.kind == kindLayer {
		set("registryId", t.account)
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
	encoded, _ := json.Marshal(out) // texts always encode
	return encoded
}
