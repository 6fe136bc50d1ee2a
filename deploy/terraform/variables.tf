variable "endpoint" {
  description = "Address of ecru, as AWS_ENDPOINT_URL has it. There is no default, so that nothing is ever made in AWS by mistake."
  type        = string

  validation {
    condition     = can(regex("^https?://[^/]+$", var.endpoint)) && !can(regex("amazonaws[.]com", var.endpoint))
    error_message = "The endpoint is http:// or https:// and the host of an ecru, without a path."
  }
}

variable "region" {
  description = "Region that the registry says it is in (ecru serve --region); AWS_REGION if null."
  type        = string
  default     = null
}

variable "default_tags" {
  description = "Tags of every repository."
  type        = map(string)
  default     = { managed-by = "terraform" }
}

variable "prefix" {
  description = "What the names of repositories begin with."
  type        = string
  default     = "terraform"
}

variable "repositories" {
  description = "Repositories by name below the prefix. keep is how many images stay; readers are accounts that may pull."
  type = map(object({
    mutability   = optional(string, "MUTABLE")
    exclusions   = optional(list(string), [])
    scan_on_push = optional(bool, true)
    encryption   = optional(string, "AES256")
    kms_key      = optional(string)
    force_delete = optional(bool, false)
    keep         = optional(number, 30)
    readers      = optional(list(string), [])
    tags         = optional(map(string), {})
  }))
  default = {
    app = {
      mutability = "IMMUTABLE_WITH_EXCLUSION"
      exclusions = ["latest", "dev-*"]
      tags       = { team = "platform" }
    }
    tools = {
      force_delete = true
      readers      = ["111122223333"]
    }
  }
}

variable "scan_on_push" {
  description = "Filters of the repositories whose images are scanned when they are pushed."
  type        = list(string)
  default     = ["*"]
}

variable "replication_destinations" {
  description = "Registries that images below the prefix are copied to; registry_id is this account if null."
  type = list(object({
    region      = string
    registry_id = optional(string)
  }))
  default = [{ region = "eu-central-1" }]
}

variable "upstreams" {
  description = "Upstream registries by the prefix below which their images are pulled."
  type = map(object({
    url             = string
    prefix          = optional(string)
    credential_arn  = optional(string)
    custom_role_arn = optional(string)
  }))
  default = {
    ecr-public = { url = "public.ecr.aws" }
    quay       = { url = "quay.io" }
  }
}

variable "account_settings" {
  description = "Settings of the account by name."
  type        = map(string)
  default = {
    BASIC_SCAN_TYPE_VERSION = "AWS_NATIVE"
    BLOB_MOUNTING           = "ENABLED"
    REGISTRY_POLICY_SCOPE   = "V2"
  }
}

variable "uncounted_roles" {
  description = "Roles of this account whose pulls do not count as a use of an image, as those of scanners."
  type        = set(string)
  default     = ["scanner"]
}
