output "url" {
  description = "The address of both functions, without a slash at its end."
  value       = aws_apigatewayv2_api.api.api_endpoint
}

output "execution_arn" {
  description = "The resource in the policy of a caller: execute-api:Invoke on <execution_arn>/*/POST/predict."
  value       = aws_apigatewayv2_api.api.execution_arn
}

output "bucket" {
  description = "The bucket of models, jobs and corpora."
  value       = aws_s3_bucket.registry.bucket
}

output "inbox" {
  description = "The folder whose corpora (*.zip) and requests (*.train.json) start trainings on arrival."
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
  description = "The address of the queue of events that failed for the last time."
  value       = aws_sqs_queue.dead_letters.url
}
