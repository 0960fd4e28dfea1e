"""One shard: read, mini-batch, score, write."""
