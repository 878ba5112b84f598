output "train_repository" {
  description = "Repository of the image of train."
  value       = aws_ecr_repository.function["train"].repository_url
}

output "predict_repository" {
  description = "Repository of the image of predict."
  value       = aws_ecr_repository.function["predict"].repository_url
}
