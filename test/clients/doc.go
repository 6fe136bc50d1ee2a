// Package clients tests ecru with the clients that people use: the AWS CLI and
// boto3, docker, podman, buildah, skopeo, crane and regctl. Each logs in, and
// pushes and pulls an image and, where it can, an index and an artifact.
//
// The AWS CLI and boto3 also call every operation of the API, by the model that
// package awsmodel makes: what a client was packaged with does not matter. They
// make rules and secrets, and look at what arrives at the targets of events. They
// switch enhanced scanning on, and follow its findings.
//
// A client that is not installed is skipped, or is a failure under
// ECRU_REQUIRE_TOOLS=1. Only the tests are in this package; nothing may import
// it.
package clients
