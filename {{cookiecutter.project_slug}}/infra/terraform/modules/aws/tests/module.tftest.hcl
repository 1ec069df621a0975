# `terraform init && terraform test` in modules/aws: no account is asked, and nothing is made.
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{}"
    }
  }
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }
  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }
  mock_data "aws_region" {
    defaults = {
      region = "eu-central-1"
    }
  }
}

variables {
  name              = "flights"
  environment       = "prod"
  github_repository = "owner@12/flights@34"
  state_bucket      = "state"
  images = {
    serve = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
    train = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
  }
  vpc_id             = "vpc-0"
  private_subnet_ids = ["subnet-0", "subnet-1"]
  client_cidrs       = ["10.0.0.0/16"]
  api_name           = "api.example.org"
  certificate_arn    = "arn:aws:acm:eu-central-1:123456789012:certificate/0"
  alarm_email        = "team@example.org"
}

run "what_is_kept_is_private" {
  command = plan
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.models.block_public_acls,
      aws_s3_bucket_public_access_block.models.block_public_policy,
      aws_s3_bucket_public_access_block.models.ignore_public_acls,
      aws_s3_bucket_public_access_block.models.restrict_public_buckets,
    ])
    error_message = "the bucket may become public"
  }
  assert {
    condition     = aws_s3_bucket_versioning.models.versioning_configuration[0].status == "Enabled"
    error_message = "what is overwritten is lost"
  }
  assert {
    condition     = aws_s3_bucket.models.bucket == "flights-prod-123456789012"
    error_message = "the bucket's name may be taken by somebody else"
  }
  assert {
    condition     = alltrue([for one in aws_ecr_repository.images : one.image_tag_mutability == "IMMUTABLE" && one.image_scanning_configuration[0].scan_on_push])
    error_message = "a tag may be given twice, or is not looked through"
  }
}

run "nobody_calls_from_outside" {
  command = plan
  assert {
    condition     = aws_lb.api.internal && !aws_ecs_service.api.network_configuration[0].assign_public_ip
    error_message = "the API faces the internet"
  }
  assert {
    condition     = aws_lb_listener.https.protocol == "HTTPS" && keys(aws_vpc_security_group_ingress_rule.callers) == ["10.0.0.0/16"]
    error_message = "others than the callers get in, or in plain text"
  }
  assert {
    condition     = aws_lb_target_group.api.health_check[0].path == "/health/ready" && aws_lb_target_group.api.port == 8000
    error_message = "what is asked is not the API's readiness"
  }
}

run "a_bad_version_goes_back" {
  command = plan
  assert {
    condition     = aws_ecs_service.api.deployment_circuit_breaker[0].rollback && aws_ecs_service.api.deployment_minimum_healthy_percent == 100
    error_message = "a bad version takes the place of a good one"
  }
}

run "containers_may_do_little" {
  command = apply
  assert {
    condition = alltrue([for text in [
      aws_ecs_task_definition.api.container_definitions,
      aws_ecs_task_definition.retrain.container_definitions,
      aws_ecs_task_definition.smoke.container_definitions,
      ] :
    jsondecode(text)[0].readonlyRootFilesystem && jsondecode(text)[0].user == "10001:10001" && !jsondecode(text)[0].privileged])
    error_message = "a container may do more than it needs"
  }
  assert {
    condition     = endswith(jsondecode(aws_ecs_task_definition.api.container_definitions)[0].image, "@sha256:1111111111111111111111111111111111111111111111111111111111111111")
    error_message = "another image than the release's, or by a name that may move"
  }
  assert {
    condition     = length(jsondecode(aws_ecs_task_definition.api.container_definitions)[0].secrets) == 2
    error_message = "the keys are not taken from where secrets are kept"
  }
}

run "workflows_are_bound_to_environments" {
  command = plan
  assert {
    condition     = local.subjects == { plan = "repo:owner@12/flights@34:environment:prod-plan", roll-out = "repo:owner@12/flights@34:environment:prod" }
    error_message = "others than the workflows of the environment get in"
  }
  assert {
    condition     = keys(aws_iam_role_policy.github) == ["images", "look", "roll-out", "store"] && aws_iam_role_policy.plan.name == "look"
    error_message = "who plans may do more than look"
  }
}

run "what_ran_before_stays" {
  command = plan
  assert {
    condition     = aws_ecs_task_definition.api.skip_destroy
    error_message = "there is nothing to roll back to"
  }
}

run "what_it_costs_is_told" {
  command = plan
  assert {
    condition     = one(one(aws_budgets_budget.month.cost_filter).values) == "user:project$flights"
    error_message = "the budget counts what is not this project's"
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.api : length(alarm.alarm_actions) == 1])
    error_message = "nobody is told"
  }
}

run "never_retrain" {
  command = plan
  variables {
    retrain_schedule = ""
  }
  assert {
    condition     = length(aws_scheduler_schedule.retrain) == 0
    error_message = "it is scheduled all the same"
  }
}

run "a_tag_is_no_digest" {
  command = plan
  variables {
    images = { serve = "latest", train = "1.2.3" }
  }
  expect_failures = [var.images]
}

run "the_internet_is_no_caller" {
  command = plan
  variables {
    client_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.client_cidrs]
}

run "one_zone_is_too_few" {
  command = plan
  variables {
    private_subnet_ids = ["subnet-0"]
  }
  expect_failures = [var.private_subnet_ids]
}

run "a_repository_is_named_whole" {
  command = plan
  variables {
    github_repository = "*"
  }
  expect_failures = [var.github_repository]
}
