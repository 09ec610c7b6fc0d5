"""Keeps this worker's lease from a thread of its own, so that a busy event loop costs nobody their jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

from jobframe.core import clock, ids
from jobframe.core.backoff import Backoff, delay_ms
from jobframe.core.errors import JobframeError
from jobframe.store.leases import Renewed, renew
from jobframe.store.store import BlockingStore

__all__ = ["LeaseKeeper"]

_FIRST_PAUSE_MS = 50
_LONGEST_PAUSE_MS = 2_000
_STOPPED_WITHIN_S = 2.0


class LeaseKeeper:
    """
    Renews every third of the lease, and at once when asked.

    Attributes:
        renewed_at: Monotonic seconds when the last renewal was sent that the store answered.

    """

    def __init__(
        self,
        url: str,
        namespace: str,
        lease_ms: int,
        *,
        on_renewed: Callable[[Renewed], None],
        on_gone: Callable[[str], None],
        on_silence: Callable[[], None],
    ) -> None:
        """
        Keep a lease of *lease_ms* milliseconds.

        Args:
            url: Where the server is; the thread has a connection of its own.
            namespace: Which set of queues.
            lease_ms: Length of the lease.
            on_renewed: Told of each answer, in the thread.
            on_gone: Told, in the thread, that this worker was given up for dead.
            on_silence: Told, in the thread, of each renewal that was not answered.

        """
        self.renewed_at = clock.monotonic()
        self._open = partial(BlockingStore, url, namespace, answer_s=lease_ms / 1000 / 3)
        self._lease_ms = lease_ms
        self._on_renewed = on_renewed
        self._on_gone = on_gone
        self._on_silence = on_silence
        self._backoff = Backoff(base_ms=_FIRST_PAUSE_MS, cap_ms=min(_LONGEST_PAUSE_MS, lease_ms // 2))
        self._worker = ""
        self._asked = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="jobframe-lease", daemon=True)

    def start(self, worker: str) -> None:
        """Start to keep the lease that *worker* has just been given."""
        self._worker = worker
        self.renewed_at = clock.monotonic()
        self._thread.start()

    def take_over(self, worker: str) -> None:
        """Keep the lease of *worker* from now on: the old name is gone."""
        self._worker = worker
        self.renewed_at = clock.monotonic()

    def ask(self) -> None:
        """Renew at once: the answer has news."""
        self._asked.set()

    def stop(self) -> None:
        """Stop; the lease runs out unless the worker leaves."""
        self._stopping.set()
        self._asked.set()
        if self._thread.is_alive():
            self._thread.join(timeout=_STOPPED_WITHIN_S)

    def _keep(self) -> None:
        store: BlockingStore | None = None
        tries = 0
        while not self._stopping.is_set():
            try:
                store = store or self._open()
                self._renew(store)
            except JobframeError:  # the loop's own calls say so; this thread only tries on
                tries += 1
                if not self._stopping.is_set():  # after that nobody would take it back
                    self._on_silence()
                self._stopping.wait(delay_ms(self._backoff, tries, ids.roll()) / 1000)
            else:
                tries = 0
                self._asked.wait(self._lease_ms / 1000 / 3)
            self._asked.clear()
        if store is not None:
            store.close()

    def _renew(self, store: BlockingStore) -> None:
        worker, asked_at = self._worker, clock.monotonic()
        answer = renew(store, worker, self._lease_ms)
        if answer is None:
            self._on_gone(worker)
            return
        self.renewed_at = asked_at  # the store may have counted from then on
        self._on_renewed(answer)
