"""Planning: what to make of a source, where to cut it, and how large shards should be.

All of it is pure but `history`, which keeps the speeds of earlier jobs in their home.
"""
