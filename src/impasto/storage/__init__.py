"""Files and objects, addressed by URL."""
