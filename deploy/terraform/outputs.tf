output "registry_id" {
  description = "Account of the registry."
  value       = local.account
}

output "repository_urls" {
  description = "What images are pushed to, by repository."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.repository_url }
}
