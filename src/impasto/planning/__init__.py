"""Pure planning: where to cut a source, and how large shards should be."""
