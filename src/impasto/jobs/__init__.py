"""A job's state in its store; no loop."""
