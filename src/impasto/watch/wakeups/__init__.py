"""What tells a watcher to look before the next listing."""
