// Package events tests from outside that what happens in the registry reaches
// the targets of rules: receivers that fail, hang and come back, a NATS server,
// and an ecru that is killed between a commit and its delivery.
//
// It sees the server only from outside. Only the tests are in this package;
// nothing may import it.
package events
