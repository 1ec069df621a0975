output "api_host" {
  description = "Where the API answers inside the network; the certificate's name points here."
  value       = aws_lb.api.dns_name
}

output "model_store" {
  description = "For the repository's variable MODEL_STORE."
  value       = local.store
}

output "image_repositories" {
  description = "Where the images go, by target."
  value       = { for name, repository in aws_ecr_repository.images : name => repository.repository_url }
}

output "github_role_arn" {
  description = "What workflows of the environment become."
  value       = aws_iam_role.github.arn
}

output "secrets" {
  description = "Whose values somebody must set."
  value       = { for name, secret in aws_secretsmanager_secret.keys : name => secret.name }
}

output "log_group" {
  description = "Where the tasks write."
  value       = aws_cloudwatch_log_group.tasks.name
}
