"""Scorers that users write: a class, or a scoring script."""
