# Who may do what. Tasks: read the store, or write to it. What workflows may is in github.tf.
data "aws_iam_policy_document" "trust" {
  for_each = {
    tasks     = "ecs-tasks.amazonaws.com"
    scheduler = "scheduler.amazonaws.com"
  }
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.trust["tasks"].json
  tags               = local.tags
}

data "aws_iam_policy_document" "execution" {
  #checkov:skip=CKV_AWS_356: ecr:GetAuthorizationToken knows no other resource
  statement {
    sid       = "SignIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    sid       = "Pull"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [for repository in aws_ecr_repository.images : repository.arn]
  }
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.tasks.arn}:*"]
  }
  statement {
    sid       = "Keys"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [for secret in aws_secretsmanager_secret.keys : secret.arn]
  }
  statement {
    sid       = "Decrypt"
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "execution" {
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

resource "aws_iam_role" "tasks" {
  for_each           = toset(["api", "jobs"])
  name               = "${local.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust["tasks"].json
  tags               = local.tags
}

data "aws_iam_policy_document" "store" {
  for_each = {
    api    = ["s3:GetObject"]
    jobs   = ["s3:GetObject", "s3:PutObject"]
    github = ["s3:GetObject", "s3:PutObject"]
  }
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.models.arn]
  }
  statement {
    sid       = "Objects"
    actions   = each.value
    resources = ["${aws_s3_bucket.models.arn}/*"]
  }
  statement {
    sid       = "Encrypted"
    actions   = each.key == "api" ? ["kms:Decrypt"] : ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.this.arn]
  }
}

resource "aws_iam_role_policy" "tasks" {
  for_each = aws_iam_role.tasks
  role     = each.value.id
  policy   = data.aws_iam_policy_document.store[each.key].json
}
