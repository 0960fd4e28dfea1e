"""Writing video: one encoded segment a shard."""
