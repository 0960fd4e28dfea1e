"""Writing video: one encoded segment per shard."""
