"""
How much a test of this folder does: a tenth in `make check`, all of it in `make faults`.

What depends on a quiet machine, a percentile say, is judged in the full form alone.
"""

from __future__ import annotations

import os

FULL = os.environ.get("FAULTS") == "full"


def load(full: int) -> int:
    """Return how many of *full* there are in this form."""
    return full if FULL else full // 10
