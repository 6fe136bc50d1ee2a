package oci

import (
	"net/url"
	"strconv"
	"time"

	"github.com/ecru-registry/ecru/internal/iam"
	"github.com/ecru-registry/ecru/internal/registry"
)

// getGrantedLayer sends a blob to whoever has a URL that we signed:
//
//	/layers/<account>/<repository>/<digest>?expires=<unix seconds>&sig=<iam.SignLayer>
func (h *Handler) getGrantedLayer(x *exchange) error {
	query, err := url.ParseQuery(x.r.URL.RawQuery)
	if err != nil {
		return errQuery
	}
	expires, err := strconv.ParseInt(query.Get("expires"), 10, 64)
	if err != nil || !registry.ValidDigest(x.target.ref) {
		return errGrantSignature
	}
	grant := iam.LayerGrant{
		Account: x.target.account, Repository: x.target.name, Digest: x.target.ref,
		Expires: time.Unix(expires, 0),
	}
	now := h.Now()
	switch {
	case !now.Before(grant.Expires):
		return errGrantExpired
	case !iam.VerifyLayer(h.LayerKey, grant, query.Get("sig"), now):
		return errGrantSignature
	}
	b, content, err := h.Registry.OpenGrantedBlob(x.r.Context(), grant)
	if err != nil {
		return err
	}
	defer content.Close()
	return h.sendBlob(x, b, content)
}
