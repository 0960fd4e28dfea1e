"""Tables: rows in, records out."""
