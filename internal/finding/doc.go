// Package finding has the nouns of enhanced scanning: components, which are what
// advisories speak of; problems, which are what is wrong with one; and findings,
// which are vulnerabilities of images, in the words of Amazon Inspector. It
// decides what is asked about them: filter criteria, order, aggregation.
//
// It is pure: it must not know where findings are kept, who may see them, or any
// transport.
package finding
