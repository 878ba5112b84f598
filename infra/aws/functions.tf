# Both functions.

locals {
  functions = {
    train = {
      image       = var.train_image
      memory      = var.train_memory
      storage     = var.train_storage
      timeout     = 900 # seconds, the maximum of Lambda
      concurrency = var.train_concurrency
      settings = {
        SER_JOBS_URI       = "s3://${local.bucket}/jobs"
        SER_TRAIN_DEFAULTS = jsonencode(merge({ data_path = "/tmp/data" }, var.train_defaults))
        # Each delivery of an event is an attempt. After the last one Lambda moves the event to the
        # queue; GET /train/{job_id} marks a job that was killed in it as failed.
        SER_MAX_ATTEMPTS = tostring(local.retries + 1)
        # A second delivery runs in another instance, which can wait for the first to finish.
        SER_WAIT_SECONDS = "870"
      }
    }
    predict = {
      image       = var.predict_image
      memory      = var.predict_memory
      storage     = 512
      timeout     = 30 # that of the API
      concurrency = var.predict_concurrency
      settings    = { SER_JOBS_URI = "s3://${local.bucket}/jobs" }
    }
  }
}

resource "aws_lambda_function" "function" {
  for_each = local.functions

  function_name                  = "${var.name}-${each.key}"
  role                           = aws_iam_role.function[each.key].arn
  package_type                   = "Image"
  image_uri                      = each.value.image
  architectures                  = [var.architecture]
  memory_size                    = each.value.memory
  timeout                        = each.value.timeout
  reserved_concurrent_executions = each.value.concurrency

  ephemeral_storage {
    size = each.value.storage
  }

  environment {
    variables = merge(each.value.settings, {
      SER_MODEL_SAVE_PATH = "s3://${local.bucket}/models"
      SER_ALLOWED_BUCKETS = local.bucket
      SER_ALLOWED_PATHS   = "/tmp"
      SER_GATEWAY         = "true"
      # Only the API and the bucket may invoke the functions, and the API authenticates every caller.
      SER_OPEN        = "1"
      SER_MODEL_KEY   = var.model_key
      SER_MODEL_FILES = tostring(var.model_files)
    })
  }

  # As JSON, so that the metric filter can read the start-up time from reports.
  logging_config {
    log_format       = "JSON"
    log_group        = aws_cloudwatch_log_group.function[each.key].name
    system_log_level = "INFO"
  }

  # Without permission to write its log, its first lines would be lost.
  depends_on = [aws_iam_role_policy.function]
}

# Created before the functions, which would create groups without expiry.
resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
}
