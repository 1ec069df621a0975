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
  source             = "../../modules/aws"
  name               = "{{ cookiecutter.project_slug[:27].rstrip('-') }}"
  environment        = "dev"
  github_repository  = "{{ cookiecutter.github_owner }}/{{ cookiecutter.project_slug }}"
  image_tag          = var.image_tag
  vpc_id             = var.vpc_id
  private_subnet_ids = var.private_subnet_ids
  client_cidrs       = var.client_cidrs
  certificate_arn    = var.certificate_arn
  alarm_email        = var.alarm_email
  min_tasks          = 1
  max_tasks          = 2
  retrain_schedule   = ""
  budget_dollars     = 50
}
