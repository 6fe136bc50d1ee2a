// Package lifecycle is the language of lifecycle policies: which images of a
// repository expire or move to another storage class, and when. It reads and
// checks a policy in the words of ECR.
//
// It is pure: no clock, no store, no transport. It must not know how images
// are kept nor who may put a policy.
package lifecycle
