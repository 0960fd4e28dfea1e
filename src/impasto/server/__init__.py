"""The service: an API over the jobs of a home, and a page on top of it; it holds no state."""
