# What workflows may do, each from one environment of one repository, without a key that lasts: those of `dev-plan` and
# `prod-plan` look, those of `dev` and `prod` bring images, promote and roll out. More than that is a person's to apply.
resource "aws_iam_openid_connect_provider" "github" {
  count          = var.github_provider_arn == null ? 1 : 0
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = local.tags
}

locals {
  subjects = {
    plan     = "repo:${var.github_repository}:environment:${var.environment}-plan"
    roll-out = "repo:${var.github_repository}:environment:${var.environment}"
  }
  state = "${local.arn}:s3:::${var.state_bucket}"
  key   = "{{ cookiecutter.project_slug }}/${var.environment}.tfstate"
}

data "aws_iam_policy_document" "github_trust" {
  for_each = local.subjects
  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [coalesce(var.github_provider_arn, one(aws_iam_openid_connect_provider.github[*].arn))]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [each.value]
    }
  }
}

resource "aws_iam_role" "github" {
  for_each           = local.subjects
  name               = each.key == "plan" ? "${local.name}-github-plan" : "${local.name}-github"
  assume_role_policy = data.aws_iam_policy_document.github_trust[each.key].json
  tags               = local.tags
}

# What Terraform asks to compare what is there with what is described.
data "aws_iam_policy_document" "look" {
  #checkov:skip=CKV_AWS_356: what is asked of "*" knows no other resource
  statement {
    sid = "Lists"
    actions = [
      "application-autoscaling:DescribeScalableTargets",
      "application-autoscaling:DescribeScalingPolicies",
      "ec2:DescribeManagedPrefixLists",
      "ec2:DescribeRouteTables",
      "ec2:DescribeSecurityGroupRules",
      "ec2:DescribeSecurityGroups",
      "ec2:DescribeVpcs",
      "ecs:DescribeTaskDefinition",
      "elasticloadbalancing:DescribeListenerAttributes",
      "elasticloadbalancing:DescribeListeners",
      "elasticloadbalancing:DescribeLoadBalancerAttributes",
      "elasticloadbalancing:DescribeLoadBalancers",
      "elasticloadbalancing:DescribeTags",
      "elasticloadbalancing:DescribeTargetGroupAttributes",
      "elasticloadbalancing:DescribeTargetGroups",
      "logs:DescribeLogGroups",
      "sns:GetSubscriptionAttributes",
    ]
    resources = ["*"]
  }
  statement {
    sid = "Network"
    actions = [
      "ec2:DescribeVpcAttribute",
      "ec2:GetManagedPrefixListEntries",
    ]
    resources = [
      "${local.arn}:ec2:${local.region}:${local.account}:vpc/${var.vpc_id}",
      "${local.arn}:ec2:${local.region}:aws:prefix-list/${data.aws_ec2_managed_prefix_list.s3.id}",
    ]
  }
  statement {
    sid = "Kept"
    actions = [
      "ecr:DescribeRepositories",
      "ecr:GetLifecyclePolicy",
      "ecr:ListTagsForResource",
      "kms:DescribeKey",
      "kms:GetKeyPolicy",
      "kms:GetKeyRotationStatus",
      "kms:ListResourceTags",
      "s3:GetAccelerateConfiguration",
      "s3:GetBucketAcl",
      "s3:GetBucketCORS",
      "s3:GetBucketLocation",
      "s3:GetBucketLogging",
      "s3:GetBucketObjectLockConfiguration",
      "s3:GetBucketOwnershipControls",
      "s3:GetBucketPolicy",
      "s3:GetBucketPublicAccessBlock",
      "s3:GetBucketRequestPayment",
      "s3:GetBucketTagging",
      "s3:GetBucketVersioning",
      "s3:GetBucketWebsite",
      "s3:GetEncryptionConfiguration",
      "s3:GetLifecycleConfiguration",
      "s3:GetReplicationConfiguration",
      "s3:ListBucket",
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetResourcePolicy",
    ]
    resources = concat(
      [aws_kms_key.this.arn, aws_s3_bucket.models.arn],
      [for repository in aws_ecr_repository.images : repository.arn],
      [for secret in aws_secretsmanager_secret.keys : secret.arn],
    )
  }
  statement {
    sid = "Roles"
    actions = [
      "iam:GetOpenIDConnectProvider",
      "iam:GetRole",
      "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies",
      "iam:ListRolePolicies",
    ]
    resources = [
      "${local.arn}:iam::${local.account}:oidc-provider/token.actions.githubusercontent.com",
      "${local.arn}:iam::${local.account}:role/${local.name}-*",
    ]
  }
  statement {
    sid = "Running"
    actions = [
      "application-autoscaling:ListTagsForResource",
      "ecs:DescribeClusters",
      "ecs:DescribeServices",
      "ecs:ListTagsForResource",
      "scheduler:GetSchedule",
    ]
    resources = [
      "${local.arn}:application-autoscaling:${local.region}:${local.account}:scalable-target/*",
      "${local.arn}:ecs:${local.region}:${local.account}:cluster/${local.name}",
      "${local.arn}:ecs:${local.region}:${local.account}:service/${local.name}/*",
      "${local.arn}:ecs:${local.region}:${local.account}:task-definition/${local.name}-*:*",
      "${local.arn}:scheduler:${local.region}:${local.account}:schedule/default/${local.name}-*",
    ]
  }
  statement {
    sid = "Watch"
    actions = [
      "budgets:ListTagsForResource",
      "budgets:ViewBudget",
      "cloudwatch:DescribeAlarms",
      "cloudwatch:ListTagsForResource",
      "logs:ListTagsForResource",
      "sns:GetTopicAttributes",
      "sns:ListTagsForResource",
    ]
    resources = [
      "${local.arn}:budgets::${local.account}:budget/${local.name}",
      "${local.arn}:cloudwatch:${local.region}:${local.account}:alarm:${local.name}-*",
      "${local.arn}:logs:${local.region}:${local.account}:log-group:/${local.name}/*",
      "${local.arn}:sns:${local.region}:${local.account}:${local.name}-*",
    ]
  }
  statement {
    sid       = "StateBucket"
    actions   = ["s3:ListBucket"]
    resources = [local.state]
  }
  statement {
    sid       = "State"
    actions   = ["s3:GetObject"]
    resources = ["${local.state}/${local.key}"]
  }
}

data "aws_iam_policy_document" "images" {
  #checkov:skip=CKV_AWS_356: ecr:GetAuthorizationToken knows no other resource
  statement {
    sid       = "SignIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    sid = "Push"
    actions = [
      "ecr:BatchCheckLayerAvailability",
      "ecr:BatchGetImage",
      "ecr:CompleteLayerUpload",
      "ecr:GetDownloadUrlForLayer",
      "ecr:InitiateLayerUpload",
      "ecr:PutImage",
      "ecr:UploadLayerPart",
    ]
    resources = [for repository in aws_ecr_repository.images : repository.arn]
  }
}

# What a release changes: task definitions, the service, what the schedule starts, and the state that says so.
data "aws_iam_policy_document" "roll_out" {
  #checkov:skip=CKV_AWS_111: ecs:RegisterTaskDefinition knows no other resource; a task becomes the roles below, and no other
  #checkov:skip=CKV_AWS_356: the same
  statement {
    sid       = "Register"
    actions   = ["ecs:RegisterTaskDefinition"]
    resources = ["*"]
  }
  statement {
    sid       = "Tag"
    actions   = ["ecs:TagResource"]
    resources = ["${local.arn}:ecs:${local.region}:${local.account}:task-definition/${local.name}-*:*"]
  }
  statement {
    sid       = "RollOut"
    actions   = ["ecs:UpdateService"]
    resources = ["${local.arn}:ecs:${local.region}:${local.account}:service/${local.name}/${aws_ecs_service.api.name}"]
  }
  statement {
    sid       = "Ask"
    actions   = ["ecs:RunTask"]
    resources = ["${local.arn}:ecs:${local.region}:${local.account}:task-definition/${aws_ecs_task_definition.smoke.family}:*"]
  }
  statement {
    sid       = "Hear"
    actions   = ["ecs:DescribeTasks"]
    resources = ["${local.arn}:ecs:${local.region}:${local.account}:task/${local.name}/*"]
  }
  statement {
    sid       = "Read"
    actions   = ["logs:GetLogEvents"]
    resources = ["${aws_cloudwatch_log_group.tasks.arn}:log-stream:*"]
  }
  statement {
    sid       = "Schedule"
    actions   = ["scheduler:UpdateSchedule"]
    resources = ["${local.arn}:scheduler:${local.region}:${local.account}:schedule/default/${local.name}-retrain"]
  }
  statement {
    sid       = "PassTasks"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution.arn, aws_iam_role.tasks["api"].arn, aws_iam_role.tasks["jobs"].arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
  statement {
    sid       = "PassScheduler"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.scheduler.arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }
  statement {
    sid       = "State"
    actions   = ["s3:PutObject"]
    resources = ["${local.state}/${local.key}"]
  }
  statement {
    sid       = "Lock"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${local.state}/${local.key}.tflock"]
  }
}

resource "aws_iam_role_policy" "github" {
  for_each = {
    images   = data.aws_iam_policy_document.images.json
    look     = data.aws_iam_policy_document.look.json
    roll-out = data.aws_iam_policy_document.roll_out.json
    store    = data.aws_iam_policy_document.store["github"].json
  }
  name   = each.key
  role   = aws_iam_role.github["roll-out"].id
  policy = each.value
}

resource "aws_iam_role_policy" "plan" {
  name   = "look"
  role   = aws_iam_role.github["plan"].id
  policy = data.aws_iam_policy_document.look.json
}
