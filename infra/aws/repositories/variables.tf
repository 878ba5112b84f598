variable "name" {
  description = "Name of the deployment, and prefix of the names of the repositories."
  type        = string
  default     = "ser"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,19}$", var.name))
    error_message = "name is ${jsonencode(var.name)}; allowed: a lower-case letter, then at most 19 of a-z, 0-9 and '-'."
  }
}

variable "force_delete" {
  description = "Whether destroying deletes repositories that are not empty; otherwise it fails."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of all resources, in addition to Application and ManagedBy."
  type        = map(string)
  default     = {}
}
