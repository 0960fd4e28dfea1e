"""Contact sheets: a row for each style, a column for each item."""
