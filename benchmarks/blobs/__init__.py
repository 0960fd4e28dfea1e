"""The parts of ``benchmarks/stores.py``.

What runs in measured children is in ``child``, ``reading`` and ``client_*``, which import no more
than they need: imports cost memory.
"""
