"""The key that ``arq --check`` reads: there while a worker on this machine is well, gone by itself when none is."""

from __future__ import annotations

import contextlib
import socket

from jobframe.core.errors import StoreUnavailable
from jobframe.store.connection import STORE_ERRORS, classify
from jobframe.store.keys import Keys
from jobframe.store.store import Store

__all__ = ["check_key", "say_gone", "say_well"]


def check_key(namespace: str) -> str:
    """Name the key for the workers of *namespace* on this machine: a container's probe asks for its own."""
    return f"{Keys(namespace).prefix}well:{socket.gethostname()}"


async def say_well(store: Store, worker: str, lasts_ms: int) -> None:
    """
    Say that *worker* is well; it holds for *lasts_ms*.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    try:
        await store.redis.set(check_key(store.keys.namespace), worker, px=lasts_ms)
    except STORE_ERRORS as error:
        raise classify(error) from None


async def say_gone(store: Store, worker: str) -> None:
    """Take back what *worker* said last, unless another worker has said it since."""
    key = check_key(store.keys.namespace)
    with contextlib.suppress(*STORE_ERRORS, StoreUnavailable):
        if await store.redis.get(key) == worker.encode():
            await store.redis.delete(key)
