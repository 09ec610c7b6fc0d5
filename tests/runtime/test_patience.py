"""Calls that failed wait for the one that looks whether the server is back."""

from __future__ import annotations

import asyncio

from jobframe.core import ids
from jobframe.core.errors import StoreUnavailable
from jobframe.runtime.patience import Patience
from jobframe.store.reach import Reach

AWAY = StoreUnavailable("away")


async def turns(count=20):
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_failed_call_has_somebody_look_and_waits_while_the_server_is_away(monkeypatch):
    monkeypatch.setattr(ids, "roll", lambda: 0.0)
    reach, looks = Reach(), []
    reach.kept_by(lambda: looks.append("look"))
    reach.lost()
    waiting = [asyncio.create_task(Patience(what, reach).wait(AWAY)) for what in ("claim", "settle")]
    await turns()
    assert (["look", "look"], [False, False]) == (looks, [each.done() for each in waiting])

    reach.found()
    await asyncio.wait_for(asyncio.gather(*waiting), 5)


async def test_a_failed_call_is_soon_tried_again_where_nobody_looks(monkeypatch):
    monkeypatch.setattr(ids, "roll", lambda: 0.0)
    await asyncio.wait_for(Patience("claim", Reach()).wait(AWAY), 5)
