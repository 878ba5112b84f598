output "train_repository" {
  description = "Where the image of train is pushed to."
  value       = aws_ecr_repository.function["train"].repository_url
}

output "predict_repository" {
  description = "Where the image of predict is pushed to."
  value       = aws_ecr_repository.function["predict"].repository_url
}
