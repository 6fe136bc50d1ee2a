# Signing of what is pushed. A module of its own, because providers before
# aws_ecr_signing_configuration came to them refuse a configuration that names it.

variable "profile_arn" {
  description = "Signing profile, of the region of the registry."
  type        = string
}

variable "repositories" {
  description = "Filters of the repositories whose images are signed."
  type        = list(string)
  default     = ["*"]
}

resource "aws_ecr_signing_configuration" "this" {
  rule {
    signing_profile_arn = var.profile_arn

    dynamic "repository_filter" {
      for_each = var.repositories

      content {
        filter      = repository_filter.value
        filter_type = "WILDCARD_MATCH"
      }
    }
  }
}
