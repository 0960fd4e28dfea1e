"""What the API takes and answers: times are seconds since 1970, sizes bytes, shares percent."""
