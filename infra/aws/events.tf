# The bucket announces new corpora, requests and asynchronous jobs to train, which also runs those of
# predict.

locals {
  retries = 2 # in addition to the first delivery; the maximum of Lambda

  archives = [".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"]
  announced = merge(
    { for suffix in local.archives : "corpora${suffix}" => { prefix = "inbox/", suffix = suffix } },
    {
      requests    = { prefix = "inbox/", suffix = ".train.json" }
      jobs        = { prefix = "jobs/requests/", suffix = ".train.json" }
      predictions = { prefix = "jobs/requests/", suffix = ".predict.json" }
    },
  )
}

resource "aws_s3_bucket_notification" "arrivals" {
  bucket = aws_s3_bucket.registry.id

  dynamic "lambda_function" {
    for_each = local.announced

    content {
      id                  = lambda_function.key
      lambda_function_arn = aws_lambda_function.function["train"].arn
      events              = ["s3:ObjectCreated:*"]
      filter_prefix       = lambda_function.value.prefix
      filter_suffix       = lambda_function.value.suffix
    }
  }

  # S3 checks the permission when the notification is created.
  depends_on = [aws_lambda_permission.bucket]
}

resource "aws_lambda_permission" "bucket" {
  statement_id  = "bucket"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function["train"].function_name
  principal     = "s3.amazonaws.com"
  source_arn    = aws_s3_bucket.registry.arn
  # The name of a deleted bucket may later belong to another account.
  source_account = data.aws_caller_identity.current.account_id
}

# An event answered with 5xx is delivered again; jobs ensure that no object is trained on twice.
resource "aws_lambda_function_event_invoke_config" "train" {
  function_name                = aws_lambda_function.function["train"].function_name
  maximum_retry_attempts       = local.retries
  maximum_event_age_in_seconds = 21600 # longest wait of a training for others

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letters.arn
    }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600 # 14 days, the maximum of SQS
}
