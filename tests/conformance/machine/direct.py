"""A store that answers at once: for a machine that makes a hundred thousand calls, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from jobframe.store.store import BlockingStore, Store


class Direct(Store):
    """The same scripts over a blocking client: whatever awaits it never waits, so it needs no event loop."""

    def __init__(self, url: str, namespace: str, *, clock: Callable[[], str]) -> None:
        super().__init__(url, namespace, clock=clock)  # its own client never connects
        self._blocking = BlockingStore(url, namespace, clock=clock)

    async def run(self, name: str, *args: str | bytes | float) -> Any:
        """Run a script."""
        return self._blocking.run(name, *args)

    async def read_hash(self, key: str, fields: list[str] | None = None) -> dict[str, bytes]:
        """Read *fields* of a hash, or all."""
        redis: Any = self._blocking.redis
        if fields is None:
            return {name.decode(): value for name, value in redis.hgetall(key).items()}
        values = redis.hmget(key, fields) if fields else []
        return {name: value for name, value in zip(fields, values, strict=True) if value is not None}

    async def aclose(self) -> None:
        """Close the connection."""
        self._blocking.close()


def finish(awaitable: Coroutine[Any, Any, Any]) -> Any:
    """Run what awaits nothing but a `Direct` store to its end."""
    try:
        awaitable.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for something else than a Direct store")
