// Package awsmodel writes the descriptions of the APIs of ECR and Inspector that the
// AWS CLI and boto3 work by, from the source of the SDK for Go that ecru is built
// with.
//
// These clients know what ECR could do on the day they were packaged: those of
// Debian 12 lack a third of the operations. Reading the complete description
// through AWS_DATA_PATH, old ones and new ones send the same requests, so that
// tests can drive every operation through whichever is installed.
//
// The SDK does not say which errors an operation answers with, nor how long
// or large values may be; so clients check nothing of that and take what the
// server answers, as a test wants it.
//
// It must not import internal packages, and nothing but tests may import it.
package awsmodel
