// Package compat shows how compatible ecru is with ECR, and with what it serves
// of EventBridge, Secrets Manager and Inspector: it drives every operation of the
// AWS SDK's own clients against the real binary, and writes down in
// docs/compatibility.md which checks of which operation have passed.
//
//	go test ./test/compat          compares the document with what has passed
//	go test ./test/compat -write   writes it
//
// A cell of the document counts checks that ran and passed in that very run;
// nothing is written by hand. ECRU_TEST_DATABASE=postgres runs all of it on
// PostgreSQL.
//
// Only the tests are in this package, and they know of ecru what a client
// knows. Nothing may import it.
package compat
