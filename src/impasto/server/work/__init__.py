"""What runs in child processes: it decodes media or scores, and may crash."""
