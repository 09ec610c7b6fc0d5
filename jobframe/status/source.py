"""Where the status pages take what they show from: the store, the worker of this process, the plugins' own checks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial

from jobframe.core import clock
from jobframe.core.errors import JobframeError, StoreUnavailable
from jobframe.status.aside import call_aside
from jobframe.status.epoch import EpochWatch
from jobframe.status.latest import Latest
from jobframe.status.liveness import LoopWatch, Pulse
from jobframe.status.readiness import Check, Verdict, check_fleet, check_plugins, check_server, check_worker
from jobframe.store import inspect
from jobframe.store.store import Store

__all__ = ["PluginChecks", "Source"]

PATIENCE_S = 3.0
"""A probe is answered within this, whatever the store and the plugins do."""

PluginChecks = Callable[[], Mapping[str, str | None]]


class Source:
    """Reads on demand, from inside the status server's own loop."""

    def __init__(
        self,
        store: Store,
        *,
        durability: str = "aof",
        pulse: Pulse | None = None,
        plugin_checks: PluginChecks | None = None,
    ) -> None:
        """
        Read from these.

        Args:
            store: The namespace to show.
            durability: What the configuration asks for: ``aof``, ``best-effort`` or ``replicated``.
            pulse: The worker of this process; None when it runs no jobs.
            plugin_checks: Calls the plugins' ``jobframe_health``; it may block.

        """
        self._durability = durability
        self._pulse = pulse
        self._epochs = EpochWatch()
        self._watch = LoopWatch(pulse.loop) if pulse else None
        self._recent = Latest(partial(inspect.snapshot, store, "recent"))
        self._total = Latest(partial(inspect.snapshot, store, "total"))
        self._now = Latest(partial(inspect.snapshot, store, ""))
        self._plugins = Latest(partial(call_aside, plugin_checks)) if plugin_checks else None

    def ask_loop(self) -> None:
        """Ask the worker's loop for a sign of life; to be called every second or so."""
        if self._watch:
            self._watch.ask()

    async def recent(self) -> inspect.Snapshot:
        """
        Read the namespace with the histograms of this hour and the one before.

        Raises:
            StoreUnavailable: The server cannot be reached or used, or does not answer.

        """
        return await _patiently(self._recent)

    async def total(self) -> inspect.Snapshot:
        """
        Read the namespace with the histograms since the beginning.

        Raises:
            StoreUnavailable: The server cannot be reached or used, or does not answer.

        """
        return await _patiently(self._total)

    async def checks(self) -> list[Check]:
        """Make every check; one that cannot be made says so."""
        self.ask_loop()
        of_store, of_plugins = await asyncio.gather(self._check_store(), self._check_plugins())
        return [*of_store, *self._check_worker(), *of_plugins]

    async def _check_store(self) -> list[Check]:
        began = clock.monotonic()
        try:
            snapshot = await _patiently(self._now)
        except JobframeError as error:
            return [Check("store", Verdict.FAILING, str(error))]
        except Exception as error:  # noqa: BLE001 - whoever may write there may write anything
            text = f"what it holds beside the jobs cannot be read ({type(error).__name__}): something else wrote there"
            return [Check("store", Verdict.FAILING, text)]
        answered = Check("store", Verdict.OK, f"answered in {1000 * (clock.monotonic() - began):.0f} ms")
        data = self._epochs.see(snapshot)
        return [answered, data, *check_server(snapshot, self._durability), *check_fleet(snapshot)]

    def _check_worker(self) -> Iterator[Check]:
        if self._pulse and self._watch:
            yield from check_worker(self._pulse.heartbeat_age_ms(), self._pulse.lease_ms, self._watch.lag_ms())

    async def _check_plugins(self) -> list[Check]:
        if self._plugins is None:
            return []
        try:
            return list(check_plugins(await self._plugins.get(PATIENCE_S)))
        except TimeoutError:
            trouble = f"no answer within {PATIENCE_S:g} s"
        except Exception as error:  # noqa: BLE001 - a plugin's mistake must not silence the other checks
            trouble = f"raised {type(error).__name__}"
        return [Check("plugins", Verdict.DEGRADED, trouble)]


async def _patiently(reading: Latest[inspect.Snapshot]) -> inspect.Snapshot:
    try:
        return await reading.get(PATIENCE_S)
    except TimeoutError:
        raise StoreUnavailable(f"the server did not answer within {PATIENCE_S:g} s") from None
