"""What an embedding model is to this plugin, and the one that the settings name, opened when it is first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib.metadata import entry_points
from types import TracebackType
from typing import Protocol, Self

from jobframe import ConfigError, Problem
from jobframe_reembed.settings import ReembedSettings

__all__ = ["Embedder", "Model"]

GROUP = "jobframe.embedders"
"""Entry points of installed embedders: the name is the setting ``model``, the value is called with the settings."""


class Embedder(Protocol):
    """An embedding model."""

    @property
    def fingerprint(self) -> str:
        """Name it as ``provider:model:revision:dim``; a stored vector with another fingerprint is stale."""

    @property
    def dim(self) -> int:
        """Count the numbers in one vector."""

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return one vector per text, in order, as little-endian float32."""


class Model:
    """
    The embedder that the settings name, opened once, when it is first asked for; an async context manager.

    Opening loads weights, or asks an endpoint for the length of its vectors: a worker that never embeds pays nothing.
    """

    def __init__(self, settings: ReembedSettings) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._opening = asyncio.Lock()
        self._embedder: Embedder | None = None
        self._opened = AsyncExitStack()

    async def embedder(self) -> Embedder:
        """
        Return the embedder, opening it when this is the first call.

        Raises:
            ConfigError: The settings name no installed embedder, or a key that is not in the environment.
            Retry: The endpoint cannot answer now.
            Fail: The endpoint refuses.

        """
        async with self._opening:
            if self._embedder is None:
                self._embedder = await self._open()
            return self._embedder

    async def _open(self) -> Embedder:
        if self._settings.base_url is None:
            return await asyncio.to_thread(_load_installed, self._settings)
        from jobframe_reembed.endpoint import open_endpoint  # noqa: PLC0415 - aiohttp takes 150 ms that few need

        return await open_endpoint(self._settings, self._opened)

    async def __aenter__(self) -> Self:
        """Return itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        await self._opened.__aexit__(kind, error, trace)


def _load_installed(settings: ReembedSettings) -> Embedder:
    installed = {point.name: point for point in entry_points(group=GROUP)}
    point = installed.get(settings.model)
    if point is None:
        known = f"no embedder {settings.model!r} is installed, only {', '.join(sorted(installed))}"
        raise ConfigError(Problem("settings.reembed.model", f"{known}; a model behind an endpoint needs base_url"))
    embedder: Embedder = point.load()(settings)
    return embedder
