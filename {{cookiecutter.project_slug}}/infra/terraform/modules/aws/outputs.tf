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
  description = "What workflows of the environment become; its variable AWS_ROLE."
  value       = aws_iam_role.github["roll-out"].arn
}

output "plan_role_arn" {
  description = "What those that only plan become; AWS_ROLE of the environment whose name ends in -plan."
  value       = aws_iam_role.github["plan"].arn
}

output "images" {
  description = "What was applied last, by digest."
  value       = var.images
}

output "roll_out" {
  description = "What scripts/roll_out.py needs to know."
  value = {
    cluster         = aws_ecs_cluster.this.name
    service         = aws_ecs_service.api.name
    task_definition = aws_ecs_task_definition.api.arn
    smoke           = aws_ecs_task_definition.smoke.arn
    log_group       = aws_cloudwatch_log_group.tasks.name
    subnets         = var.private_subnet_ids
    security_groups = [aws_security_group.tasks.id]
  }
}

output "secrets" {
  description = "Whose values somebody must set."
  value       = { for name, secret in aws_secretsmanager_secret.keys : name => secret.name }
}

output "log_group" {
  description = "Where the tasks write."
  value       = aws_cloudwatch_log_group.tasks.name
}
