"""Delivery of a finished output to where the user wants it."""
