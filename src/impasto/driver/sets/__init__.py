"""Several jobs that one command names: which they are, and running them.

Nothing of a set is stored: its jobs are ordinary ones, and the same command finds them again.
"""
