# The permissions of each function: predict reads models and sounds and keeps its jobs, and changes
# models only where `manage` says so; train works in its own bucket.

locals {
  policies = {
    train   = data.aws_iam_policy_document.train.json
    predict = data.aws_iam_policy_document.predict.json
  }
}

resource "aws_iam_role" "function" {
  for_each = local.functions

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy" "function" {
  for_each = local.policies

  name   = "${var.name}-${each.key}"
  role   = aws_iam_role.function[each.key].id
  policy = each.value
}

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "common" {
  for_each = local.functions

  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }

  # Without s3:ListBucket, S3 answers 403 instead of 404 for a missing object. No condition on the
  # prefix: AWS does not document that S3 evaluates one for a single object, and if it did not, every
  # unknown job and alias would be a 403. Listing the names of its own bucket is the lesser evil.
  statement {
    sid       = "LearnWhatIsMissing"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.registry.arn]
  }

  # Of requests to predict, and of its jobs, which train runs.
  statement {
    sid       = "ReadSounds"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.registry.arn}/sounds/*"]
  }
}

data "aws_iam_policy_document" "predict" {
  source_policy_documents = [data.aws_iam_policy_document.common["predict"].json]

  statement {
    sid       = "ReadModels"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.registry.arn}/models/*"]
  }

  dynamic "statement" {
    for_each = var.manage ? ["ManageModels"] : []

    content {
      sid       = statement.value
      actions   = ["s3:PutObject", "s3:DeleteObject"]
      resources = ["${aws_s3_bucket.registry.arn}/models/*"]
    }
  }

  statement {
    sid       = "KeepJobs"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.registry.arn}/jobs/predictions/*"]
  }

  # Deleting is for the sounds of jobs that have ended.
  statement {
    sid       = "HandJobsOver"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.registry.arn}/jobs/requests/*.predict.json"]
  }
}

data "aws_iam_policy_document" "train" {
  source_policy_documents = [data.aws_iam_policy_document.common["train"].json]

  # Notifications name a version, and exactly that one is read.
  statement {
    sid       = "ReadWhatArrives"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${aws_s3_bucket.registry.arn}/inbox/*"]
  }

  statement {
    sid       = "ReadCorpora"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.registry.arn}/corpora/*"]
  }

  statement {
    sid       = "KeepJobs"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.registry.arn}/jobs/*"]
  }

  statement {
    sid       = "RemoveSoundsOfEndedJobs"
    actions   = ["s3:DeleteObject"]
    resources = ["${aws_s3_bucket.registry.arn}/jobs/requests/*.predict.json"]
  }

  # Deleting is for the remains of failed attempts.
  statement {
    sid       = "PublishModels"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.registry.arn}/models/*"]
  }

  statement {
    sid       = "PutAsideFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }
}
