"""The command line: a thin face over `impasto.driver` and `impasto.jobs`."""
