"""Media: reading, writing, joining and comparing videos and images; no model, no store."""
