// Package registry holds the nouns of a container registry that speaks Amazon
// ECR and the rules about them that need no I/O: names, digests, repositories,
// images, manifests, tag mutability, scan filters and the coded errors.
//
// It must not import any other package of this module, and it must not know
// how anything is stored, transported or authorised.
package registry
