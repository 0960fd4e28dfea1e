"""What commands print, from values that they are given."""
