output "project" {
  description = "All that the module tells."
  value       = module.project
}
