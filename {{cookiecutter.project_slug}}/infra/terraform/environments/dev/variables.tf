variable "region" {
  description = "Such as eu-central-1."
  type        = string
}

variable "images" {
  description = "What runs, by digest: serve and train."
  type        = object({ serve = string, train = string })
}

variable "github_repository" {
  description = "The repository, as the subject of its tokens has it: OWNER@ID/NAME@ID."
  type        = string
}

variable "github_provider_arn" {
  description = "GitHub's identity provider of this account; null makes it, which an account lets you do once."
  type        = string
  default     = null
}

variable "state_bucket" {
  description = "The bucket of Terraform's state."
  type        = string
}

variable "vpc_id" {
  description = "The network that it lives in."
  type        = string
}

variable "private_subnet_ids" {
  description = "Two or more private subnets."
  type        = list(string)
}

variable "client_cidrs" {
  description = "Who may call the API."
  type        = list(string)
}

variable "api_name" {
  description = "The API's name, as callers have it."
  type        = string
}

variable "certificate_arn" {
  description = "Certificate in ACM for api_name."
  type        = string
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget."
  type        = string
}
