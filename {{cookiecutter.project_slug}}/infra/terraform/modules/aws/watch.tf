# Logs, alarms, and what it may cost.
resource "aws_cloudwatch_log_group" "tasks" {
  name              = "/${local.name}/tasks"
  retention_in_days = var.log_days
  kms_key_id        = aws_kms_key.this.arn
  tags              = local.tags
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.name}-alarms"
  kms_master_key_id = aws_kms_key.this.id
  tags              = local.tags
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

locals {
  alarms = {
    errors = {
      about     = "More than ten answers in five minutes were 5xx."
      metric    = "HTTPCode_Target_5XX_Count"
      statistic = "Sum"
      extended  = null
      compared  = "GreaterThanThreshold"
      threshold = 10
      missing   = "notBreaching"
    }
    slow = {
      about     = "One answer in a hundred takes longer than half a second."
      metric    = "TargetResponseTime"
      statistic = null
      extended  = "p99"
      compared  = "GreaterThanThreshold"
      threshold = 0.5
      missing   = "notBreaching"
    }
    nobody = {
      about     = "No task answers: no champion, or none can be reached."
      metric    = "HealthyHostCount"
      statistic = "Minimum"
      extended  = null
      compared  = "LessThanThreshold"
      threshold = 1
      missing   = "breaching"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "api" {
  for_each            = local.alarms
  alarm_name          = "${local.name}-${each.key}"
  alarm_description   = each.value.about
  namespace           = "AWS/ApplicationELB"
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended
  comparison_operator = each.value.compared
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 1
  treat_missing_data  = each.value.missing
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = local.tags
  dimensions = {
    LoadBalancer = aws_lb.api.arn_suffix
    TargetGroup  = aws_lb_target_group.api.arn_suffix
  }
}

resource "aws_budgets_budget" "month" {
  name         = local.name
  budget_type  = "COST"
  limit_amount = tostring(var.budget_dollars)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  tags         = local.tags
  cost_filter {
    name   = "TagKeyValue"
    values = [format("user:project$%s", var.name)]
  }
  dynamic "notification" {
    for_each = { ACTUAL = 80, FORECASTED = 100 }
    content {
      notification_type          = notification.key
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value
      threshold_type             = "PERCENTAGE"
      subscriber_email_addresses = [var.alarm_email]
    }
  }
}
