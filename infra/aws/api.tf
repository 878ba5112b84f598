# One address for both functions. Only the routes in this list are reachable from outside; POST
# /events is not among them, since the bucket invokes train directly.

locals {
  # They change what others are answered with, so they are reachable only where `manage` says so.
  routes_that_manage = {
    "DELETE /models/{model_id}" = "predict"
    "POST /aliases/{alias}"     = "predict"
  }

  routes = merge(var.manage ? local.routes_that_manage : {}, {
    "GET /"                             = "predict"
    "GET /docs"                         = "predict"
    "GET /assets/{digest}/{name}"       = "predict"
    "GET /openapi.json"                 = "predict"
    "POST /predict"                     = "predict"
    "GET /predict/{job_id}"             = "predict"
    "DELETE /predict/{job_id}"          = "predict"
    "GET /predict/healthz"              = "predict"
    "GET /predict/readyz"               = "predict"
    "GET /predict/openapi.json"         = "predict"
    "GET /models"                       = "predict"
    "GET /models/{model_id}"            = "predict"
    "GET /models/{model_id}/report"     = "predict"
    "GET /models/{model_id}/model.onnx" = "predict"
    "GET /aliases"                      = "predict"
    "POST /train"                       = "job"
    "GET /train"                        = "train"
    "GET /train/{job_id}"               = "train"
    "DELETE /train/{job_id}"            = "train"
    "GET /train/healthz"                = "train"
    "GET /train/readyz"                 = "train"
    "GET /train/openapi.json"           = "train"
  })

  integrations = {
    predict = { function = "predict", headers = {} }
    train   = { function = "train", headers = {} }
    # The API times out after 30 s, so every training is a job.
    job = { function = "train", headers = { Prefer = "respond-async" } }
  }

  # A request has the same id in answers, problems and both logs.
  traced = { X-Request-Id = "$context.requestId" }
}

resource "aws_apigatewayv2_api" "api" {
  name          = var.name
  protocol_type = "HTTP"

  # The API replaces these headers in the answers of the functions, so they need no setting.
  dynamic "cors_configuration" {
    for_each = length(var.allowed_origins) > 0 ? [var.allowed_origins] : []

    content {
      allow_origins  = cors_configuration.value
      allow_methods  = ["GET", "POST", "DELETE", "OPTIONS"]
      allow_headers  = ["accept", "authorization", "content-type", "if-none-match", "prefer", "traceparent", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-request-id"]
      expose_headers = ["etag", "location", "preference-applied", "retry-after", "server-timing", "x-request-id", "x-ser-version"]
      max_age        = 7200
    }
  }
}

resource "aws_apigatewayv2_integration" "integration" {
  for_each = local.integrations

  api_id                 = aws_apigatewayv2_api.api.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.function[each.value.function].invoke_arn
  payload_format_version = "2.0"
  timeout_milliseconds   = 30000
  request_parameters = {
    for name, value in merge(local.traced, each.value.headers) : "overwrite:header.${name}" => value
  }
}

resource "aws_apigatewayv2_route" "route" {
  for_each = local.routes

  api_id             = aws_apigatewayv2_api.api.id
  route_key          = each.key
  target             = "integrations/${aws_apigatewayv2_integration.integration[each.value].id}"
  authorization_type = var.authorization
  authorizer_id      = one(aws_apigatewayv2_authorizer.jwt[*].id)

  # Callers with a signature of AWS are distinguished by the policies that allow them each route.
  authorization_scopes = var.authorization == "JWT" && contains(keys(local.routes_that_manage), each.key) ? ["manage"] : null
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count = var.authorization == "JWT" ? 1 : 0

  api_id           = aws_apigatewayv2_api.api.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt.issuer
    audience = var.jwt.audience
  }
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.api.id
  name        = "$default" # paths have no stage as their prefix, so the Location in an answer of a function is valid
  auto_deploy = true

  default_route_settings {
    detailed_metrics_enabled = true
    throttling_rate_limit    = var.throttling.rate
    throttling_burst_limit   = var.throttling.burst
  }

  route_settings {
    route_key                = aws_apigatewayv2_route.route["POST /train"].route_key
    detailed_metrics_enabled = true
    throttling_rate_limit    = var.train_throttling.rate
    throttling_burst_limit   = var.train_throttling.burst
  }

  access_log_settings {
    destination_arn = aws_cloudwatch_log_group.api.arn
    format = jsonencode({
      requestId          = "$context.requestId"
      requestTime        = "$context.requestTime"
      ip                 = "$context.identity.sourceIp"
      caller             = var.authorization == "JWT" ? "$context.authorizer.claims.sub" : "$context.identity.userArn"
      routeKey           = "$context.routeKey"
      path               = "$context.path"
      status             = "$context.status"
      responseLatency    = "$context.responseLatency"
      integrationLatency = "$context.integrationLatency"
      integrationError   = "$context.integrationErrorMessage"
      error              = "$context.error.message"
    })
  }
}

# Groups below /aws/vendedlogs/ do not count against the size limit of the account's log policy.
resource "aws_cloudwatch_log_group" "api" {
  name              = "/aws/vendedlogs/apigateway/${var.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_permission" "api" {
  for_each = local.functions

  statement_id  = "api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function[each.key].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.api.execution_arn}/*/*"
}
