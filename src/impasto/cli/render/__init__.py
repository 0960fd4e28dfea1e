"""Output of commands, printed from given values."""
