variable "name" {
  description = "What the names of the repositories begin with; that of the deployment."
  type        = string
  default     = "ser"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "name is ${jsonencode(var.name)}; allowed: a lower-case letter, then at most 19 of a-z, 0-9 and '-'."
  }
}

variable "force_delete" {
  description = "Whether destroying deletes repositories with all images in them; otherwise it refuses."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything, beside Application and ManagedBy."
  type        = map(string)
  default     = {}
}
