locals {
  account  = data.aws_caller_identity.current.account_id
  registry = "arn:aws:ecr:*:${local.account}:repository"
}

resource "aws_ecr_account_setting" "this" {
  for_each = var.account_settings

  name  = each.key
  value = each.value
}

# Who replicates to this registry may create what it sends.
resource "aws_ecr_registry_policy" "this" {
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Replicate"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = ["ecr:CreateRepository", "ecr:ReplicateImage"]
      Resource  = ["${local.registry}/${var.prefix}/*"]
    }]
  })

  # The scope decides which actions a policy of the registry may name.
  depends_on = [aws_ecr_account_setting.this]
}

resource "aws_ecr_registry_scanning_configuration" "this" {
  scan_type = "BASIC"

  rule {
    scan_frequency = "SCAN_ON_PUSH"

    dynamic "repository_filter" {
      for_each = var.scan_on_push

      content {
        filter      = repository_filter.value
        filter_type = "WILDCARD"
      }
    }
  }
}

resource "aws_ecr_replication_configuration" "this" {
  count = length(var.replication_destinations) > 0 ? 1 : 0

  replication_configuration {
    rule {
      dynamic "destination" {
        for_each = var.replication_destinations

        content {
          region      = destination.value.region
          registry_id = coalesce(destination.value.registry_id, local.account)
        }
      }

      repository_filter {
        filter      = "${var.prefix}/"
        filter_type = "PREFIX_MATCH"
      }
    }
  }
}

resource "aws_ecr_pull_through_cache_rule" "this" {
  for_each = var.upstreams

  ecr_repository_prefix      = each.key
  upstream_registry_url      = each.value.url
  upstream_repository_prefix = each.value.prefix
  credential_arn             = each.value.credential_arn
  custom_role_arn            = each.value.custom_role_arn
}

# A push below the prefix creates its repository; so do upstreams and replication.
resource "aws_ecr_repository_creation_template" "this" {
  prefix               = "${var.prefix}/sandbox"
  description          = "Made by the first push"
  applied_for          = ["CREATE_ON_PUSH", "PULL_THROUGH_CACHE", "REPLICATION"]
  image_tag_mutability = "MUTABLE"
  resource_tags        = { origin = "push" }

  encryption_configuration {
    encryption_type = "AES256"
  }

  lifecycle_policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Ten images are enough for trying things"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 10 }
      action       = { type = "expire" }
    }]
  })

  repository_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Pull"
      Effect    = "Allow"
      Principal = { AWS = "arn:aws:iam::${local.account}:root" }
      Action    = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    }]
  })
}

resource "aws_ecr_pull_time_update_exclusion" "this" {
  for_each = var.uncounted_roles

  principal_arn = "arn:aws:iam::${local.account}:role/${each.value}"
}
