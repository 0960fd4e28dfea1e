"""The frozen values that are passed between layers and kept in the store.

Nothing here reads a file, a store or the environment. Every class is a pydantic model, so that JSON
that one process writes is checked when another reads it.
"""
