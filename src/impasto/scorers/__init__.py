"""The Scorer class and the table of scorers.

To add a scorer, write one module with a class that extends `Scorer`, its parameters in `params`,
and add a line to `SCORERS`. This module imports no model library, so that the driver starts in
milliseconds.
"""
