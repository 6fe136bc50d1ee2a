// Package terraform tests ecru against what Terraform's AWS provider asks of
// ECR. The provider cannot be had everywhere, so its requests are written down
// as data: per resource, which operations it calls with which members to
// create, read, change, import and destroy it, and what it must find in the
// answers for the next plan to be empty. The tables are drawn from the
// behaviour of the provider's public source, versions 6.29 to 6.59; none of it
// is copied.
//
// The configuration of deploy/terraform is applied, applied again and destroyed
// from the same tables, and by terraform itself where it and the provider are
// there. Only the tests are in this package; nothing may import it.
package terraform
