"""A source and its result in one picture, for the eye."""
