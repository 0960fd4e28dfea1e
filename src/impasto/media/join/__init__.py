"""Joining segments and carrying all other streams, without encoding again."""
