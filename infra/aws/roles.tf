# What each function may do, and nothing else: predict reads models, train works in its own bucket.

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

data "aws_iam_policy_document" "log" {
  for_each = local.functions

  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.function[each.key].arn}:*"]
  }
}

data "aws_iam_policy_document" "predict" {
  source_policy_documents = [data.aws_iam_policy_document.log["predict"].json]

  statement {
    sid       = "ReadModels"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.registry.arn}/models/*"]
  }

  # Without it S3 calls what is missing forbidden; for a single object the prefix is its key.
  statement {
    sid       = "LearnWhatIsMissing"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.registry.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["models/*"]
    }
  }
}

data "aws_iam_policy_document" "train" {
  source_policy_documents = [data.aws_iam_policy_document.log["train"].json]

  # Of what is announced the very version that was.
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

  # What an attempt that failed has left of a model is removed.
  statement {
    sid       = "PublishModels"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.registry.arn}/models/*"]
  }

  statement {
    sid       = "LearnWhatIsMissing"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.registry.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["inbox/*", "corpora/*", "jobs/*", "models/*"]
    }
  }

  statement {
    sid       = "PutAsideFailedEvents"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }
}
