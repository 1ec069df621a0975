variable "name" {
  description = "What all of it is called; the environment is added."
  type        = string
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,26}$", var.name))
    error_message = "name: lower-case letters, digits and hyphens, 2 to 27 of them: a load balancer takes no more."
  }
}

variable "environment" {
  description = "dev or prod: in names, and in who may push images."
  type        = string
  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment: dev or prod."
  }
}

variable "images" {
  description = "What runs, by digest: the image that serves, and the one that trains."
  type        = object({ serve = string, train = string })
  validation {
    condition     = alltrue([for digest in values(var.images) : can(regex("^sha256:[0-9a-f]{64}$", digest))])
    error_message = "images: digests such as sha256:0123..., and never a tag."
  }
}

variable "github_repository" {
  description = "Whose workflows may roll out, as the subject of their tokens has it: OWNER@ID/NAME@ID, before July 2026 OWNER/NAME."
  type        = string
  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$|^[A-Za-z0-9-]+@[0-9]+/[A-Za-z0-9._-]+@[0-9]+$", var.github_repository))
    error_message = "github_repository: OWNER@ID/NAME@ID or OWNER/NAME; docs/aws.md has the command that prints it."
  }
}

variable "state_bucket" {
  description = "The bucket of Terraform's state, of which GitHub reads and writes this environment's."
  type        = string
}

variable "github_provider_arn" {
  description = "GitHub's identity provider of this account, where it has one; null makes it."
  type        = string
  default     = null
}

variable "vpc_id" {
  description = "The network that it lives in."
  type        = string
}

variable "private_subnet_ids" {
  description = "Two or more private subnets, with the endpoints that docs/aws.md names."
  type        = list(string)
  validation {
    condition     = length(var.private_subnet_ids) >= 2
    error_message = "private_subnet_ids: two or more, in different zones."
  }
}

variable "client_cidrs" {
  description = "Who may call the API, such as the network of the VPC."
  type        = list(string)
  validation {
    condition     = length(var.client_cidrs) > 0 && alltrue([for cidr in var.client_cidrs : can(cidrhost(cidr, 0))])
    error_message = "client_cidrs: one or more networks, such as 10.0.0.0/16."
  }
  validation {
    condition     = !contains(var.client_cidrs, "0.0.0.0/0")
    error_message = "client_cidrs: the load balancer is internal; put a firewall before it to open it to the internet."
  }
}

variable "api_name" {
  description = "The API's name, as callers and the certificate have it."
  type        = string
  validation {
    condition     = can(regex("^[a-z0-9-]+(\\.[a-z0-9-]+)+$", var.api_name))
    error_message = "api_name: such as api.example.org, without https://."
  }
}

variable "certificate_arn" {
  description = "Certificate in ACM for api_name."
  type        = string
  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:", var.certificate_arn))
    error_message = "certificate_arn: the ARN of a certificate in ACM."
  }
}

variable "cpu" {
  description = "Of an API task, in units of 1/1024 of a core."
  type        = number
  default     = 512
}

variable "memory" {
  description = "Of an API task, in MiB."
  type        = number
  default     = 1024
}

variable "min_tasks" {
  description = "API tasks that run at least."
  type        = number
  default     = 2
  validation {
    condition     = var.min_tasks >= 1
    error_message = "min_tasks: 1 or more."
  }
}

variable "max_tasks" {
  description = "API tasks that run at most."
  type        = number
  default     = 10
}

variable "retrain_schedule" {
  description = "When the retraining task starts; empty = never."
  type        = string
  default     = "cron(37 3 ? * MON *)"
}

variable "log_days" {
  description = "How long logs are kept."
  type        = number
  default     = 365
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget."
  type        = string
  validation {
    condition     = can(regex("^[^@ ]+@[^@ ]+$", var.alarm_email))
    error_message = "alarm_email: an e-mail address."
  }
}

variable "budget_dollars" {
  description = "A month's costs of what carries this project's tag, from which somebody is told."
  type        = number
  default     = 200
}
