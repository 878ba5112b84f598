# Both functions, from their images.

locals {
  functions = {
    train = {
      image       = var.train_image
      memory      = var.train_memory
      storage     = var.train_storage
      timeout     = 900 # seconds; Lambda gives no more
      concurrency = var.train_concurrency
      settings = {
        SER_JOBS_URI       = "s3://${local.bucket}/jobs"
        SER_TRAIN_DEFAULTS = jsonencode(merge({ data_path = "/tmp/data" }, var.train_defaults))
        # Each delivery of an event makes an attempt. The last one fails as the others did, so
        # Lambda puts the event aside; of a job that was killed then, whoever asks is told.
        SER_MAX_ATTEMPTS = tostring(local.retries + 1)
        # Whoever is told twice has an instance of its own to wait in: better than a retry.
        SER_WAIT_SECONDS = "870"
      }
    }
    predict = {
      image       = var.predict_image
      memory      = var.predict_memory
      storage     = 512
      timeout     = 30 # nobody waits longer: the API has given up
      concurrency = -1
      settings    = {}
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
    })
  }

  # The report of an invocation, which tells the time of a cold start, can then be measured.
  logging_config {
    log_format       = "JSON"
    log_group        = aws_cloudwatch_log_group.function[each.key].name
    system_log_level = "INFO"
  }

  # Before it may write its log, its first lines would be lost.
  depends_on = [aws_iam_role_policy.function]
}

# Made before the functions, which would make groups that keep logs for ever.
resource "aws_cloudwatch_log_group" "function" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
}
