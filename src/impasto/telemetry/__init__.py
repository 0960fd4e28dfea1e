"""Traces and metrics of jobs, sent where the settings say; by default, nowhere."""
