# The job that trains on what data.source holds, and promotes what is better.
resource "aws_ecs_task_definition" "retrain" {
  family                   = "${local.name}-retrain"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 2048
  memory                   = 8192
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.tasks["jobs"].arn
  skip_destroy             = true
  tags                     = local.tags
  dynamic "volume" {
    for_each = local.written.jobs
    content {
      name = volume.key
    }
  }
  container_definitions = jsonencode([{
    name                   = "retrain"
    image                  = "${aws_ecr_repository.images["train"].repository_url}@${var.images.train}"
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    privileged             = false
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    entryPoint             = ["sh", "/project/scripts/retrain_job.sh"]
    workingDirectory       = "/work"
    environment = [
      { name = "{{ cookiecutter.package_name | upper }}__SERVE__STORE", value = local.store },
    ]
    mountPoints      = [for name, path in local.written.jobs : { sourceVolume = name, containerPath = path }]
    logConfiguration = local.log
  }])
}

resource "aws_iam_role" "scheduler" {
  name               = "${local.name}-scheduler"
  assume_role_policy = data.aws_iam_policy_document.trust["scheduler"].json
  tags               = local.tags
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "Run"
    actions   = ["ecs:RunTask"]
    resources = ["${local.arn}:ecs:${local.region}:${local.account}:task-definition/${aws_ecs_task_definition.retrain.family}:*"]
    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = [aws_ecs_cluster.this.arn]
    }
  }
  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
  statement {
    sid       = "Pass"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution.arn, aws_iam_role.tasks["jobs"].arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}

resource "aws_scheduler_schedule" "retrain" {
  count               = var.retrain_schedule == "" ? 0 : 1
  name                = "${local.name}-retrain"
  schedule_expression = var.retrain_schedule
  kms_key_arn         = aws_kms_key.this.arn
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_ecs_cluster.this.arn
    role_arn = aws_iam_role.scheduler.arn
    retry_policy {
      maximum_retry_attempts = 0
    }
    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.retrain.arn
      launch_type         = "FARGATE"
      network_configuration {
        subnets          = var.private_subnet_ids
        security_groups  = [aws_security_group.tasks.id]
        assign_public_ip = false
      }
    }
  }
}
