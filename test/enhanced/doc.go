// Package enhanced tests enhanced scanning as users meet it: images go in
// through the distribution API, findings come out of the ECR API, Inspector's API
// and events, and the registry is the real binary. It must not import internal
// packages.
package enhanced
