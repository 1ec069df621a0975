# The store of models, and what data.source may name: encrypted, versioned, private.
#trivy:ignore:AVD-AWS-0089 who reads and writes is told by CloudTrail, which belongs to the account
resource "aws_s3_bucket" "models" {
  #checkov:skip=CKV_AWS_18: who reads and writes is told by CloudTrail, which belongs to the account
  #checkov:skip=CKV_AWS_144: versions are kept, and a model can be trained again from its commit and data
  #checkov:skip=CKV2_AWS_62: the API looks for a new champion by itself
  bucket = "${local.name}-${local.account}"
  tags   = local.tags
}

resource "aws_s3_bucket_versioning" "models" {
  bucket = aws_s3_bucket.models.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "models" {
  bucket = aws_s3_bucket.models.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "models" {
  bucket                  = aws_s3_bucket.models.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "models" {
  bucket = aws_s3_bucket.models.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "models" {
  bucket = aws_s3_bucket.models.id
  rule {
    id     = "former-content"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 90
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
}

data "aws_iam_policy_document" "tls" {
  statement {
    sid       = "OnlyByTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.models.arn, "${aws_s3_bucket.models.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "models" {
  bucket = aws_s3_bucket.models.id
  policy = data.aws_iam_policy_document.tls.json
}

resource "aws_ecr_repository" "images" {
  for_each             = toset(["serve", "train"])
  name                 = "${local.name}/${each.key}"
  image_tag_mutability = "IMMUTABLE"
  tags                 = local.tags
  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this.arn
  }
}

resource "aws_ecr_lifecycle_policy" "images" {
  for_each   = aws_ecr_repository.images
  repository = each.value.name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "the last twenty"
      selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }
      action       = { type = "expire" }
    }]
  })
}

# Their values are set by whoever keeps the secrets; no file and no state has them.
resource "aws_secretsmanager_secret" "keys" {
  #checkov:skip=CKV2_AWS_57: a new signing key ends feedback on former predictions, so a person rotates it
  for_each   = toset(["api-key", "signing-key"])
  name       = "${local.name}/${each.key}"
  kms_key_id = aws_kms_key.this.arn
  tags       = local.tags
}
