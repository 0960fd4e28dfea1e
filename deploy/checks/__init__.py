"""Checks of what is in deploy/, made without a cluster, a cloud or a network."""
