"""Proving that an output keeps all of its source but the pictures."""
