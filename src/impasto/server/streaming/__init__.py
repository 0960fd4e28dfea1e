"""Server-sent events: each message is made once for all streams that are equally far."""
