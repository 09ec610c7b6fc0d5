"""What the words before the command said."""

from __future__ import annotations

from pathlib import Path

__all__ = ["Invocation"]


class Invocation:
    """
    The options of ``jobframe`` itself, which every command sees as click's ``obj``.

    Attributes:
        config: The jobs.toml asked for; None for the usual one.
        debug: Whether errors show their traceback.

    """

    def __init__(self) -> None:
        """Start with the defaults; the group fills in what was given."""
        self.config: Path | None = None
        self.debug = False
