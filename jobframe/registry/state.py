"""What became of a plugin."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Outcome", "PluginState"]

Outcome = Literal["loaded", "disabled", "incompatible", "failed"]


@attrs.frozen(kw_only=True)
class PluginState:
    """
    One installed plugin and what became of it.

    Attributes:
        name: Name of its entry point: the key of its settings.
        distribution: Name of the distribution it comes in.
        version: Version of that distribution.
        state: ``loaded``; ``disabled`` by jobs.toml; ``incompatible`` with this jobframe; or ``failed``.
        error: Why it is not loaded, in one line; empty when it is.
        import_ms: How long its import took, in milliseconds; 0 when it was not tried.
        types: Names of its job types.

    """

    name: str
    distribution: str
    version: str
    state: Outcome
    error: str = ""
    import_ms: int = 0
    types: tuple[str, ...] = ()
