# The image repositories: a separate root module, because images must exist before functions.

locals {
  functions = toset(["train", "predict"])
}

resource "aws_ecr_repository" "function" {
  for_each = local.functions

  name                 = "${var.name}-${each.key}-lambda"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = var.force_delete

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "AES256"
  }
}

resource "aws_ecr_lifecycle_policy" "function" {
  for_each = local.functions

  repository = aws_ecr_repository.function[each.key].name
  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Untagged images expire after two weeks."
      selection = {
        tagStatus   = "untagged"
        countType   = "sinceImagePushed"
        countUnit   = "days"
        countNumber = 14
      }
      action = { type = "expire" }
    }]
  })
}

# Without it Lambda would add a policy that covers every function of the account.
resource "aws_ecr_repository_policy" "function" {
  for_each = local.functions

  repository = aws_ecr_repository.function[each.key].name
  policy     = data.aws_iam_policy_document.pull[each.key].json
}

data "aws_iam_policy_document" "pull" {
  for_each = local.functions

  statement {
    sid     = "LambdaPulls"
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "aws:SourceArn"
      values = [
        "arn:${data.aws_partition.current.partition}:lambda:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:function:${var.name}-${each.key}"
      ]
    }
  }
}
