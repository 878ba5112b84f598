output "url" {
  description = "Address of both functions, without a trailing slash."
  value       = aws_apigatewayv2_api.api.api_endpoint
}

output "execution_arn" {
  description = "ARN for the policies of callers: execute-api:Invoke on <execution_arn>/*/POST/predict."
  value       = aws_apigatewayv2_api.api.execution_arn
}

output "bucket" {
  description = "Bucket of models, jobs and corpora."
  value       = aws_s3_bucket.registry.bucket
}

output "inbox" {
  description = "Upload a corpus (*.zip, *.tar.gz) or a request (*.train.json) here to train on it."
  value       = "s3://${aws_s3_bucket.registry.bucket}/inbox/"
}

output "train_function" {
  description = "Name of train."
  value       = aws_lambda_function.function["train"].function_name
}

output "predict_function" {
  description = "Name of predict."
  value       = aws_lambda_function.function["predict"].function_name
}

output "dead_letter_queue" {
  description = "Address of the queue of failed events."
  value       = aws_sqs_queue.dead_letters.url
}
