"""Models that score mini-batches: the class they extend, and those that come with Impasto.

`impasto.scorers.base` says how to add one, here or in another package. Nothing that the driver
imports of this package loads a model library.
"""
