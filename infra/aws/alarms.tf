# Alarms for the operators.

locals {
  alarms_of_functions = merge([
    for function in keys(local.functions) : {
      "${function}-errors" = {
        description = "${function} failed or timed out."
        namespace   = "AWS/Lambda"
        metric      = "Errors"
        dimensions  = { FunctionName = "${var.name}-${function}" }
        statistic   = "Sum"
        period      = 300
        threshold   = 0
      }
      "${function}-throttles" = {
        description = "Requests to ${function} were throttled."
        namespace   = "AWS/Lambda"
        metric      = "Throttles"
        dimensions  = { FunctionName = "${var.name}-${function}" }
        statistic   = "Sum"
        period      = 300
        threshold   = 0
      }
      "${function}-cold-start" = {
        description = "Instances of ${function} start slowly (ms)."
        namespace   = var.name
        metric      = "${function}-cold-start"
        dimensions  = {}
        statistic   = "Average"
        period      = 900
        threshold   = var.cold_start_alarm_ms
      }
    }
  ]...)

  alarms = merge(local.alarms_of_functions, {
    "api-errors" = {
      description = "The API answered 5xx."
      namespace   = "AWS/ApiGateway"
      metric      = "5xx"
      dimensions  = { ApiId = aws_apigatewayv2_api.api.id }
      statistic   = "Sum"
      period      = 300
      threshold   = 0
    }
    "dead-letters" = {
      description = "Events of the bucket failed for good; the queue has them."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
      statistic   = "Maximum"
      period      = 300
      threshold   = 0
    }
  })
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  ok_actions          = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}

# Only the first invocation of an instance reports its start-up time.
resource "aws_cloudwatch_log_metric_filter" "cold_start" {
  for_each = local.functions

  name           = "${var.name}-${each.key}-cold-start"
  log_group_name = aws_cloudwatch_log_group.function[each.key].name
  pattern        = "{ $.type = \"platform.report\" && $.record.metrics.initDurationMs = * }"

  metric_transformation {
    namespace = var.name
    name      = "${each.key}-cold-start"
    value     = "$.record.metrics.initDurationMs"
    unit      = "Milliseconds"
  }
}
