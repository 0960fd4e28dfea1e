"""The parts of ``benchmarks/stores.py``.

The code of measured child processes is in ``child``, ``reading`` and ``client_*``, which import no
more than they need: imports cost memory.
"""
