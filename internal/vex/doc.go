// Package vex reads what people say about vulnerabilities of their products:
// OpenVEX documents, CSAF documents of the VEX profile and CycloneDX documents
// with analyses, each also within an in-toto attestation. It says whether the
// statements of documents excuse a finding.
//
// It is pure, and strict where it matters: a statement about something else, or
// about something that cannot be told, excuses nothing. It must not know where
// documents are kept or who may add them.
package vex
