package main

import (
	"io"
	"net/http"
	"testing"
)

// BenchmarkManifest asks the assembled registry for a manifest over the network,
// as who needs no policy and as who needs one, with and without an audit log.
func BenchmarkManifest(b *testing.B) {
	for _, audit := range []string{"off", ""} {
		w := newWalk(b, audit)
		for _, who := range []walker{w.root, w.reader} {
			b.Run(map[string]string{"off": "unaudited", "": "audited"}[audit]+"/"+who.name, func(b *testing.B) {
				transport := &http.Transport{MaxIdleConnsPerHost: 64}
				defer transport.CloseIdleConnections()
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.url+"/v2/walk/manifests/1", http.NoBody)
						if err != nil {
							b.Error(err)
							return
						}
						r.SetBasicAuth("AWS", who.password)
						response, err := transport.RoundTrip(r)
						if err != nil || response.StatusCode != http.StatusOK {
							b.Error(response, err)
							return
						}
						_, _ = io.Copy(io.Discard, response.Body)
						_ = response.Body.Close()
					}
				})
			})
		}
	}
}
