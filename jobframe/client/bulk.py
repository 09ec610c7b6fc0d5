"""Retrying and removing many jobs at once, page by page, in as many short calls as that takes."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from operator import attrgetter

import attrs

from jobframe.client.search import ENDED_BADLY, pages
from jobframe.core.job import State
from jobframe.core.rate import Rate
from jobframe.core.who import who
from jobframe.store import purge
from jobframe.store.operate import KeyHeld, retry_some
from jobframe.store.store import Store

__all__ = ["Replay", "remove", "retry_all"]

_AT_ONCE = 200
"""Jobs per call: the server answers nobody else meanwhile."""


@attrs.frozen
class Replay:
    """
    What became of the jobs that matched.

    Attributes:
        matched: How many did.
        retried: How many are queued again; 0 after a dry run.
        skipped: How many had left their state meanwhile.
        refused: One error a job that stays because a live job holds its key.
        spread_ms: How long after the first the last one is, or would be, due.

    """

    matched: int
    retried: int = 0
    skipped: int = 0
    refused: tuple[KeyHeld, ...] = ()
    spread_ms: int = 0


async def retry_all(
    store: Store, type: str, state: State, match: str | None, rate: Rate | None, *, dry_run: bool
) -> Replay:
    """
    Queue again all jobs of *type* that are in *state* and match, the newest first.

    At a rate their due times are spread, by the server's clock and as each batch is moved: a client that is killed
    leaves what it has not reached in its state, and nothing twice.

    Raises:
        StoreUnavailable: The server cannot be reached or used; what was moved before stays so, and a new call goes on.
        ValueError: The text is empty, or jobs in that state cannot be retried.

    """
    if state not in ENDED_BADLY:
        msg = f"jobs that are {state} cannot be retried: only {', '.join(ENDED_BADLY)} ones can"
        raise ValueError(msg)
    gap_us = 0 if rate is None else rate.spacing_us
    if dry_run:
        matched = await _count(store, type, state, match)
        return Replay(matched, spread_ms=_spread_ms(matched, gap_us))
    tally: Counter[str] = Counter()
    refused: list[KeyHeld] = []
    by, next_us = who(), 0
    async for page in pages(store, type, state, match):
        tally["matched"] += len(page)
        for first in range(0, len(page), _AT_ONCE):
            some = page[first : first + _AT_ONCE]
            verdicts, next_us = await retry_some(store, some, state, by, gap_us=gap_us, next_us=next_us)
            refused += [each.refusal for each in verdicts if isinstance(each.refusal, KeyHeld)]
            tally["retried"] += sum(each.refusal is None for each in verdicts)
    retried = tally["retried"]
    skipped = tally["matched"] - retried - len(refused)
    return Replay(tally["matched"], retried, skipped, tuple(refused), _spread_ms(retried, gap_us))


async def remove(
    store: Store, type: str | None, state: State, older_than_ms: int, match: str | None, *, dry_run: bool
) -> int:
    """
    Remove, or only count, the jobs in *state* that are old enough and match.

    Raises:
        StoreUnavailable: The server cannot be reached or used.
        ValueError: The text is empty, or jobs in that state cannot be removed.

    """
    if match is None:
        return await (purge.count if dry_run else purge.purge)(store, type, state, older_than_ms)
    purge.check_state(state)
    total = 0
    async for page in pages(store, type, state, match):
        for _, some in groupby(page, attrgetter("type")):
            total += await purge.purge_some(store, list(some), state, older_than_ms, dry_run=dry_run)
    return total


async def _count(store: Store, type: str, state: State, match: str | None) -> int:
    if match is None:
        return await purge.count(store, type, state)
    return sum([len(page) async for page in pages(store, type, state, match)])


def _spread_ms(jobs: int, gap_us: int) -> int:
    return max(0, jobs - 1) * gap_us // 1_000
