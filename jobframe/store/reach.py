"""Whether the server of a worker answers: one of its connections finds out, and all the others wait for that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["Reach"]


def _nobody_looks() -> None:
    """Do nothing."""


class Reach:
    """
    Keeps a worker, which has a dozen connections, from dialling with each of them while its server is away.

    Somebody looks, dials patiently, and tells what was found. Where nobody does, nobody has to wait.
    """

    def __init__(self) -> None:
        """Know of no trouble."""
        self._answers = asyncio.Event()
        self._answers.set()
        self._look = _nobody_looks

    def kept_by(self, look: Callable[[], None]) -> None:
        """Have *look* called when there is doubt; it does not wait for what it finds."""
        self._look = look

    def doubt(self) -> None:
        """Have somebody look: a call has failed, which may have been its connection alone."""
        self._look()

    def lost(self) -> None:
        """Note that the server is away."""
        self._answers.clear()

    def found(self) -> None:
        """Note that the server answers, or that nobody looks any more."""
        self._answers.set()

    async def wait(self) -> None:
        """Wait until the server answers, as far as is known."""
        await self._answers.wait()
