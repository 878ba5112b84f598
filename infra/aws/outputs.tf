output "url" {
  description = "Where both functions answer, without a slash at its end."
  value       = aws_apigatewayv2_api.api.api_endpoint
}

output "execution_arn" {
  description = "What the policy of a caller names: execute-api:Invoke on <execution_arn>/*/POST/predict."
  value       = aws_apigatewayv2_api.api.execution_arn
}

output "bucket" {
  description = "The bucket of models, jobs and corpora."
  value       = aws_s3_bucket.registry.bucket
}

output "inbox" {
  description = "Where a corpus (*.zip) or a request (*.train.json) is trained on as it arrives."
  value       = "s3://${aws_s3_bucket.registry.bucket}/inbox/"
}

output "train_function" {
  description = "The name of train."
  value       = aws_lambda_function.function["train"].function_name
}

output "predict_function" {
  description = "The name of predict."
  value       = aws_lambda_function.function["predict"].function_name
}

output "dead_letter_queue" {
  description = "The address of the queue of events that were given up."
  value       = aws_sqs_queue.dead_letters.url
}
