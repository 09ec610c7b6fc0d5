"""Gives back jobs that the store thinks are held here and that nobody here knows: the answer to a claim was lost."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Container, Mapping

from jobframe.core.errors import JobframeError
from jobframe.core.outcome import Interrupted
from jobframe.store import leases
from jobframe.store.settle import Settled
from jobframe.store.store import Store

__all__ = ["Strangers"]


class Strangers:
    """What was held by this worker, and unknown to it, when it last looked."""

    def __init__(self, store: Store, known: Container[str], settle: Callable[[Settled], None]) -> None:
        """
        Look in *store*.

        Args:
            store: The store.
            known: ``type<tab>id`` of the jobs that run here.
            settle: Takes what becomes of the others.

        """
        self._store = store
        self._known = known
        self._settle = settle
        self._seen: Mapping[str, int] = {}

    def forget(self) -> None:
        """Take note that there are none."""
        self._seen = {}

    async def give_back(self, worker: str) -> None:
        """Give back those that are seen twice in a row: an answer may be under way the first time."""
        with contextlib.suppress(JobframeError):  # the next renewal tries again
            held = await leases.held(self._store, worker)
            strangers = {name: fence for name, fence in held.items() if name not in self._known}
            for name, fence in strangers.items():
                if self._seen.get(name) == fence:
                    type_name, _, unique = name.partition("\t")
                    self._settle(Settled(type_name, unique, fence, 0, Interrupted()))
            self._seen = strangers
