"""The frozen values that travel between layers and rest in the store.

Nothing here reads a file, a store or the environment. Every class is a pydantic model, so that
what is written as JSON by one process is checked when another reads it.
"""
