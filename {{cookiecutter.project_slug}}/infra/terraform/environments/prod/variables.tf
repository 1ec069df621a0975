variable "region" {
  description = "Such as eu-central-1."
  type        = string
}

variable "image_tag" {
  description = "The release that runs, such as 0.1.0."
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

variable "certificate_arn" {
  description = "Certificate in ACM for the API's name."
  type        = string
}

variable "alarm_email" {
  description = "Who is told of alarms and of the budget."
  type        = string
}
