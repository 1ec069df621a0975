# The API: tasks on Fargate behind an internal load balancer.
resource "aws_ecs_cluster" "this" {
  name = local.name
  tags = local.tags
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

locals {
  # Each root is read-only; the image names what may be written as volumes, which the task gives it.
  written = {
    api  = { cache = "/project/.cache", tmp = "/tmp" }
    jobs = { work = "/work", tmp = "/tmp" }
  }
  log = {
    logDriver = "awslogs"
    options = {
      awslogs-group         = aws_cloudwatch_log_group.tasks.name
      awslogs-region        = local.region
      awslogs-stream-prefix = "task"
    }
  }
}

resource "aws_ecs_task_definition" "api" {
  family                   = "${local.name}-api"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.tasks["api"].arn
  skip_destroy             = true # what ran before is what a roll-back needs
  tags                     = local.tags
  dynamic "volume" {
    for_each = local.written.api
    content {
      name = volume.key
    }
  }
  container_definitions = jsonencode([{
    name                   = "api"
    image                  = "${aws_ecr_repository.images["serve"].repository_url}@${var.images.serve}"
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    privileged             = false
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    stopTimeout            = 45 # draining, then 30 seconds for requests under way
    portMappings           = [{ containerPort = local.port, protocol = "tcp" }]
    environment = [
      { name = "{{ cookiecutter.package_name | upper }}__SERVE__STORE", value = local.store },
      { name = "{{ cookiecutter.package_name | upper }}__SERVE__DRAIN_SECONDS", value = "10" },
    ]
    secrets = [
      { name = "{{ cookiecutter.package_name | upper }}__SERVE__API_KEY", valueFrom = aws_secretsmanager_secret.keys["api-key"].arn },
      { name = "{{ cookiecutter.package_name | upper }}__SERVE__SIGNING_KEY", valueFrom = aws_secretsmanager_secret.keys["signing-key"].arn },
    ]
    mountPoints      = [for name, path in local.written.api : { sourceVolume = name, containerPath = path }]
    logConfiguration = local.log
  }])
}

resource "aws_ecs_service" "api" {
  name                               = "api"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.api.arn
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  desired_count                      = var.min_tasks
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60
  propagate_tags                     = "SERVICE"
  tags                               = local.tags
  deployment_circuit_breaker { # a version that never gets ready goes back to the one before
    enable   = true
    rollback = true
  }
  network_configuration {
    subnets          = var.private_subnet_ids
    security_groups  = [aws_security_group.tasks.id]
    assign_public_ip = false
  }
  load_balancer {
    target_group_arn = aws_lb_target_group.api.arn
    container_name   = "api"
    container_port   = local.port
  }
  lifecycle {
    ignore_changes = [desired_count, task_definition] # the autoscaler's, and scripts/roll_out.py's
  }
  depends_on = [aws_lb_listener.https]
}

resource "aws_security_group" "balancer" {
  name        = "${local.name}-balancer"
  description = "Callers of the API"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_security_group" "tasks" {
  name        = "${local.name}-tasks"
  description = "What runs"
  vpc_id      = var.vpc_id
  tags        = local.tags
}

resource "aws_vpc_security_group_ingress_rule" "callers" {
  for_each          = toset(var.client_cidrs)
  security_group_id = aws_security_group.balancer.id
  description       = "Callers, by TLS"
  cidr_ipv4         = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_ingress_rule" "smoke" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "From the task that asks after a roll-out"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "to_tasks" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "To the API"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

resource "aws_vpc_security_group_ingress_rule" "from_balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "From the load balancer"
  referenced_security_group_id = aws_security_group.balancer.id
  ip_protocol                  = "tcp"
  from_port                    = local.port
  to_port                      = local.port
}

# Nothing else is reached: the store by its gateway, registry, logs, secrets and keys by endpoints in the network.
data "aws_vpc" "this" {
  id = var.vpc_id
}

data "aws_ec2_managed_prefix_list" "s3" {
  name = "com.amazonaws.${local.region}.s3"
}

resource "aws_vpc_security_group_egress_rule" "store" {
  security_group_id = aws_security_group.tasks.id
  description       = "The store, and the layers of images"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.s3.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  security_group_id = aws_security_group.tasks.id
  description       = "Endpoints of the network"
  cidr_ipv4         = data.aws_vpc.this.cidr_block
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_lb" "api" {
  #checkov:skip=CKV_AWS_91: the API writes an access log of its own
  #checkov:skip=CKV2_AWS_28: the load balancer is internal; who opens it puts a firewall before it
  name                       = local.name
  internal                   = true
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.balancer.id]
  subnets                    = var.private_subnet_ids
  drop_invalid_header_fields = true
  enable_deletion_protection = var.environment == "prod"
  tags                       = local.tags
}

resource "aws_lb_target_group" "api" {
  #checkov:skip=CKV_AWS_378: TLS ends at the load balancer; the way from it to a task is closed to others
  name                 = local.name
  port                 = local.port
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = var.vpc_id
  deregistration_delay = 15
  tags                 = local.tags
  health_check {
    path                = "/health/ready"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.api.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  tags              = local.tags
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.api.arn
  }
}

resource "aws_appautoscaling_target" "api" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${aws_ecs_service.api.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = var.min_tasks
  max_capacity       = var.max_tasks
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.api.service_namespace
  resource_id        = aws_appautoscaling_target.api.resource_id
  scalable_dimension = aws_appautoscaling_target.api.scalable_dimension
  target_tracking_scaling_policy_configuration {
    target_value       = 70
    scale_in_cooldown  = 300
    scale_out_cooldown = 30
    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
