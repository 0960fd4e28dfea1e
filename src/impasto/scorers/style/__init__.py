"""Style transfer with any painting, in one pass."""
