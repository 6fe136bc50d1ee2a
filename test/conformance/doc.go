// Package conformance tests a running registry against the text of the OCI
// distribution specification 1.1: every MUST and SHOULD is a case with a name,
// beside what HTTP (RFC 9110) asks of a server and what hostile clients do.
//
// The cases speak plain net/http and know nothing of ecru. They run against
// ecru on every database, or against any registry that ECRU_CONFORMANCE_URL
// names, which is how a mistake in a case is told from one in ecru. Only the
// tests are in this package; nothing may import it.
package conformance
