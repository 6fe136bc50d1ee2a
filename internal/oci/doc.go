// Package oci serves the OCI distribution API (version 1.1, with the parts of
// 1.2 that clients use already) under /v2/, and the presigned downloads of
// layers under /layers/, as one http.Handler.
//
// It reads requests, calls use cases of package service through the small
// interfaces that it declares, and writes answers. It must not decide what a
// caller may do, must not know how anything is stored, and must not import
// another transport or an adapter.
//
// Handler expects to see request paths as they were sent: a mux in front of it
// must not clean or redirect them.
package oci
