# Only what is dev's own; all else is in modules/aws.
terraform {
  required_version = ">= 1.11"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.0"
    }
  }
  backend "s3" {
    # The bucket that docs/aws.md lets you make once; given at `terraform init -backend-config=...`.
    key          = "{{ cookiecutter.project_slug }}/dev.tfstate"
    use_lockfile = true
    encrypt      = true
  }
}

provider "aws" {
  region = var.region
}

module "project" {
  source              = "../../modules/aws"
  name                = "{{ cookiecutter.project_slug[:27].rstrip('-') }}"
  environment         = "dev"
  github_repository   = var.github_repository
  github_provider_arn = var.github_provider_arn
  state_bucket        = var.state_bucket
  images              = var.images
  vpc_id              = var.vpc_id
  private_subnet_ids  = var.private_subnet_ids
  client_cidrs        = var.client_cidrs
  api_name            = var.api_name
  certificate_arn     = var.certificate_arn
  alarm_email         = var.alarm_email
  min_tasks           = 1
  max_tasks           = 2
  retrain_schedule    = ""
  budget_dollars      = 50
}
