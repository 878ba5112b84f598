"""The service: HTTP functions, their settings and access rules, jobs and events."""
