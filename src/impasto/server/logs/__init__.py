"""Logs of jobs as the API reads them: in pages, and followed."""
