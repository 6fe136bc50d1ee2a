terraform {
  required_version = ">= 1.5.0"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The first with all resources and settings that are used here.
      version = ">= 6.29.0"
    }
  }
}

# The key and the region come from the environment: eval "$(ecru env)".
provider "aws" {
  region = var.region

  # Every other service would be the one of AWS.
  endpoints {
    ecr = var.endpoint
    sts = var.endpoint
  }

  # The registry's region may be one that AWS does not have, and there is no
  # instance to ask for a role. Who calls is asked of ecru, and has to be: the
  # account is the id of what a registry has only one of.
  skip_region_validation  = true
  skip_metadata_api_check = true

  default_tags {
    tags = var.default_tags
  }
}

data "aws_caller_identity" "current" {}
