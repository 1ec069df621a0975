data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  name    = "${var.name}-${var.environment}"
  account = data.aws_caller_identity.this.account_id
  region  = data.aws_region.this.region
  arn     = "arn:${data.aws_partition.this.partition}"
  port    = 8000
  store   = "s3://${aws_s3_bucket.models.bucket}/models"
  tags = {
    project     = var.name
    environment = var.environment
  }
}

# One key for all that is kept.
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109: in the policy of a key, "*" is this key
  #checkov:skip=CKV_AWS_111: the same
  #checkov:skip=CKV_AWS_356: the same
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["${local.arn}:iam::${local.account}:root"]
    }
  }
  statement {
    sid       = "LogsAndAlarms"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.${local.region}.amazonaws.com", "cloudwatch.amazonaws.com"]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = local.name
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = local.tags
}
