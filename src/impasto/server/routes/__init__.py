"""The API's routes, one module per thing; each is a thin face over what the command line calls."""
