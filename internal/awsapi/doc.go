// Package awsapi is the transport of the AWS APIs: it finds the operation that
// a request names, verifies its signature, decodes and checks its input, calls
// the handler and encodes what that answers.
//
// JSON services (ECR and those to come) are told apart by the prefix of
// X-Amz-Target, the query protocol (STS) by its form encoding. A service is a
// table of operations over the SDK's own input and output types; the packages
// below this one hold the tables.
//
// The package must not know any operation, nor meta or blob: handlers reach
// the registry through the service layer.
package awsapi
