// Package enhanced is the state machine of enhanced scanning: the first scan of an
// image, findings that follow the advisories, enrolment when a registry is switched
// over, the windows within which images are looked at, and the end of all that.
//
// What an image holds is a set of components (see package finding). Problems belong
// to components, findings to images: the store brings both together, and this
// package decides, in one transaction for each image, what its findings are and
// which events tell of it.
//
// It must not know transports, nor what a user may do: package service asks it, and
// gives it the configuration of accounts.
package enhanced
