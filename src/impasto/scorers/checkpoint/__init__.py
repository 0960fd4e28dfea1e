"""PyTorch models in files."""
