"""Reading rows of CSV, JSON lines and Parquet."""
