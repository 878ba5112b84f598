terraform {
  # Since 1.9, validations may refer to other variables.
  required_version = ">= 1.9, < 2"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  default_tags {
    tags = merge({ Application = var.name, ManagedBy = "Terraform" }, var.tags)
  }
}

data "aws_caller_identity" "current" {}

data "aws_region" "current" {}
