variable "name" {
  description = "Name of the deployment, and prefix of the names of its resources."
  type        = string
  default     = "ser"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "name is ${jsonencode(var.name)}; allowed: a lower-case letter, then at most 19 of a-z, 0-9 and '-'."
  }
}

variable "tags" {
  description = "Tags of all resources, in addition to Application and ManagedBy."
  type        = map(string)
  default     = {}
}

# The functions

variable "train_image" {
  description = "Image of train for Lambda, in a repository of the same region."
  type        = string

  validation {
    condition     = can(regex(local.image_address, var.train_image))
    error_message = "train_image is ${jsonencode(var.train_image)}; allowed: <account>.dkr.ecr.<region>.amazonaws.com/<repository>, then :<tag> or @sha256:<digest>."
  }
}

variable "predict_image" {
  description = "Image of predict for Lambda, in a repository of the same region."
  type        = string

  validation {
    condition     = can(regex(local.image_address, var.predict_image))
    error_message = "predict_image is ${jsonencode(var.predict_image)}; allowed: <account>.dkr.ecr.<region>.amazonaws.com/<repository>, then :<tag> or @sha256:<digest>."
  }
}

variable "architecture" {
  description = "Architecture that the images were built for."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is ${jsonencode(var.architecture)}; allowed: \"x86_64\", \"arm64\"."
  }
}

variable "train_memory" {
  description = "Memory of train in MB; 1769 MB come with one vCPU. The maximum is 3008 in new accounts, 10240 in others."
  type        = number
  default     = 3008

  validation {
    condition     = var.train_memory >= 1024 && var.train_memory <= 10240 && floor(var.train_memory) == var.train_memory
    error_message = "train_memory is ${var.train_memory}; allowed: a whole number from 1024 to 10240."
  }
}

variable "predict_memory" {
  description = "Memory of predict in MB; 1769 MB come with one vCPU."
  type        = number
  default     = 1769

  validation {
    condition     = var.predict_memory >= 256 && var.predict_memory <= 10240 && floor(var.predict_memory) == var.predict_memory
    error_message = "predict_memory is ${var.predict_memory}; allowed: a whole number from 256 to 10240."
  }
}

variable "train_storage" {
  description = "Size of /tmp of train in MB: for an archive (at most 1024), its content (4096) and the features."
  type        = number
  default     = 6144

  validation {
    condition     = var.train_storage >= 512 && var.train_storage <= 10240 && floor(var.train_storage) == var.train_storage
    error_message = "train_storage is ${var.train_storage}; allowed: a whole number from 512 to 10240."
  }
}

variable "train_concurrency" {
  description = "Reserved concurrency of train, which also answers requests about jobs. -1: none is reserved. Further trainings wait for up to six hours, then go to the dead-letter queue."
  type        = number
  default     = -1

  validation {
    condition     = var.train_concurrency == -1 || (var.train_concurrency >= 2 && floor(var.train_concurrency) == var.train_concurrency)
    error_message = "train_concurrency is ${var.train_concurrency}; allowed: -1, or a whole number from 2 on, so that one instance answers while another trains."
  }
}

variable "predict_concurrency" {
  description = "Reserved concurrency of predict: a flood of requests starts no more instances, and takes none from other functions of the account. -1: none is reserved. Further requests get 503."
  type        = number
  default     = -1

  validation {
    condition     = var.predict_concurrency == -1 || (var.predict_concurrency >= 1 && floor(var.predict_concurrency) == var.predict_concurrency)
    error_message = "predict_concurrency is ${var.predict_concurrency}; allowed: -1, or a whole number from 1 on."
  }
}

variable "train_defaults" {
  description = "Fields of POST /train for a corpus that is uploaded without a request (SER_TRAIN_DEFAULTS); without a preset and a model_type the preset is accurate."
  type        = any
  default     = {}

  validation {
    condition     = can(keys(var.train_defaults))
    error_message = "train_defaults is ${jsonencode(var.train_defaults)}; allowed: an object, such as { evaluation = \"loso\" }."
  }
}

# Callers

variable "manage" {
  description = "Whether callers of the API may move aliases and delete models: with JWT those whose token has the scope manage, with AWS_IAM those whose policy allows these routes."
  type        = bool
  default     = false
}

variable "model_files" {
  description = "Whether callers of the API get the files of models (SER_MODEL_FILES), with which the page judges in browsers."
  type        = bool
  default     = true
}

variable "authorization" {
  description = "How callers authenticate: an AWS signature, or a token of the issuer in jwt."
  type        = string
  default     = "AWS_IAM"

  validation {
    condition     = contains(["AWS_IAM", "JWT"], var.authorization)
    error_message = "authorization is ${jsonencode(var.authorization)}; allowed: \"AWS_IAM\", \"JWT\"."
  }
}

variable "jwt" {
  description = "Issuer and audience of the tokens (claims iss and aud); for authorization JWT alone."
  type = object({
    issuer   = string
    audience = list(string)
  })
  default = null

  validation {
    condition     = (var.jwt != null) == (var.authorization == "JWT")
    error_message = "jwt is ${var.jwt == null ? "not set" : "set"} and authorization is ${jsonencode(var.authorization)}; allowed: both jwt and \"JWT\", or neither."
  }

  validation {
    condition     = var.jwt == null || can(regex("^https://[^/?#[:space:]]+(/[^?#[:space:]]*)?$", var.jwt.issuer))
    error_message = "jwt.issuer is ${jsonencode(try(var.jwt.issuer, null))}; allowed: an https:// address without query, as the claim iss has it."
  }

  validation {
    condition     = var.jwt == null || try(length(var.jwt.audience) > 0 && alltrue([for each in var.jwt.audience : trimspace(each) != ""]), false)
    error_message = "jwt.audience is ${jsonencode(try(var.jwt.audience, null))}; allowed: one or more names, none empty."
  }
}

variable "allowed_origins" {
  description = "Origins of web pages that may call the API from a browser, or \"*\" for any. The API answers their preflights itself, since these have no signature or token."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for each in var.allowed_origins : each == "*" || can(regex("^https?://[^/?#@[:space:]]+$", each))])
    error_message = "allowed_origins is ${jsonencode(var.allowed_origins)}; allowed: origins such as https://app.example, without a path, or \"*\"."
  }
}

variable "throttling" {
  description = "Requests per second to each route, and burst."
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 20, burst = 40 }

  validation {
    condition     = var.throttling.rate > 0 && var.throttling.burst >= 1
    error_message = "throttling is ${jsonencode(var.throttling)}; allowed: a rate above 0 and a burst from 1 on."
  }
}

variable "train_throttling" {
  description = "The same for POST /train, where each request costs minutes."
  type = object({
    rate  = number
    burst = number
  })
  default = { rate = 1, burst = 5 }

  validation {
    condition     = var.train_throttling.rate > 0 && var.train_throttling.burst >= 1
    error_message = "train_throttling is ${jsonencode(var.train_throttling)}; allowed: a rate above 0 and a burst from 1 on."
  }
}

# Storage

variable "bucket" {
  description = "Name of the bucket, globally unique; null: made of name, account and region."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "bucket is ${jsonencode(var.bucket)}; allowed: 3 to 63 lower-case letters, digits and hyphens, a letter or digit at either end."
  }
}

variable "force_destroy" {
  description = "Whether destroying deletes a bucket that is not empty, with all models in it; otherwise it fails."
  type        = bool
  default     = false
}

variable "job_retention_days" {
  description = "Days that a job is kept after its last change."
  type        = number
  default     = 30

  validation {
    condition     = var.job_retention_days >= 1 && floor(var.job_retention_days) == var.job_retention_days
    error_message = "job_retention_days is ${var.job_retention_days}; allowed: a whole number from 1 on."
  }
}

variable "model_key" {
  description = "Key of 32 bytes or more, in hexadecimal or base64, that signs models; empty: models are not signed. The state of Terraform holds it."
  type        = string
  default     = ""
  sensitive   = true
}

variable "noncurrent_version_days" {
  description = "Days that overwritten and deleted objects can be restored."
  type        = number
  default     = 30

  validation {
    condition     = var.noncurrent_version_days >= 1 && floor(var.noncurrent_version_days) == var.noncurrent_version_days
    error_message = "noncurrent_version_days is ${var.noncurrent_version_days}; allowed: a whole number from 1 on."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains(local.log_retentions, var.log_retention_days)
    error_message = "log_retention_days is ${var.log_retention_days}; allowed: ${join(", ", local.log_retentions)}."
  }
}

# Alarms

variable "alarm_topic_arn" {
  description = "SNS topic of the alarms; null: alarms are only shown."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:.+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn is ${jsonencode(var.alarm_topic_arn)}; allowed: null or arn:aws:sns:<region>:<account>:<topic>."
  }
}

variable "cold_start_alarm_ms" {
  description = "Average start-up time of a function over 15 minutes, in ms, above which an alarm is raised."
  type        = number
  default     = 5000

  validation {
    condition     = var.cold_start_alarm_ms > 0
    error_message = "cold_start_alarm_ms is ${var.cold_start_alarm_ms}; allowed: a number above 0."
  }
}

locals {
  image_address  = "^[0-9]{12}\\.dkr\\.ecr\\.[a-z0-9-]+\\.amazonaws\\.com(\\.cn)?/[a-z0-9._/-]+(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})$"
  log_retentions = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]
}
