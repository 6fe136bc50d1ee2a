// Package ecr is the ECR API: its operations over the SDK's own input and
// output types, the constraints of the inputs as data, and the texts of its
// errors. One file per noun.
//
// A handler decodes nothing and decides nothing: it hands over to the service
// layer and puts what that answers into ECR's shapes. It must not reach a store.
package ecr
