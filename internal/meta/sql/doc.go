// Package sql keeps the registry's metadata in SQLite or PostgreSQL. One Store
// implements the ports of packages meta and advisory with one set of queries;
// dialect.go holds what differs in their words, writer.go and postgres.go what
// differs in how they commit.
//
// SQLite has one writer, and a synced commit costs more than the work in it, so
// writers queue behind one goroutine that commits what waits together.
// PostgreSQL runs ordinary concurrent transactions that lock the rows that they
// rely on and are run again when it tells them to. What must never be wrong (a
// tag without an image, an image without its blobs, a blob that two keys claim)
// is a constraint of the schema; the locks only turn a violation into a clear
// answer.
//
// Statements are plain database/sql: nearly all of them are hot or need a lock
// clause, and both drivers keep prepared statements only for texts that do not
// change, which a query builder that writes values into the text defeats.
//
// The package must not know about HTTP, blobs' bytes or the meaning of what it
// keeps. Only cmd and tests import it.
package sql
