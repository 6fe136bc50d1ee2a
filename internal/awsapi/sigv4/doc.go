// Package sigv4 verifies AWS Signature Version 4 on requests, in the
// Authorization header or in the query of a presigned URL.
//
// Verification has two steps so that a body is read only for a caller who is
// likely to be someone: Begin checks everything that the head of the request
// says (form, scope, clock, whether the key exists), Finish takes the hash of
// the body and decides. The payload is always signed: UNSIGNED-PAYLOAD and the
// streaming forms belong to S3 and are refused.
//
// The canonical form is our own code and not the SDK's signer, because a
// verifier must sign exactly the headers that the client lists, where the
// signer chooses them itself. The Host that counts is the one the client sent:
// a proxy in front has to pass it on.
//
// The package must not know what the request asks for, nor write answers.
package sigv4
