# What asks the API after a roll-out, from inside the network, with a key that nobody outside sees.
resource "aws_ecs_task_definition" "smoke" {
  family                   = "${local.name}-smoke"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.tasks["api"].arn
  skip_destroy             = true # deploy.yml adds, and takes nothing away
  tags                     = local.tags
  dynamic "volume" {
    for_each = local.written.jobs
    content {
      name = volume.key
    }
  }
  container_definitions = jsonencode([{
    name                   = "smoke"
    image                  = "${aws_ecr_repository.images["train"].repository_url}@${var.images.train}"
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    privileged             = false
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    entryPoint             = ["python", "/project/scripts/smoke.py"]
    command                = ["https://${var.api_name}", "--config", "/project/configs/prod.yml"]
    workingDirectory       = "/work"
    environment = [
      { name = "{{ cookiecutter.package_name | upper }}__SERVE__STORE", value = local.store },
    ]
    secrets = [
      { name = "{{ cookiecutter.package_name | upper }}__SERVE__API_KEY", valueFrom = aws_secretsmanager_secret.keys["api-key"].arn },
    ]
    mountPoints      = [for name, path in local.written.jobs : { sourceVolume = name, containerPath = path }]
    logConfiguration = local.log
  }])
}
