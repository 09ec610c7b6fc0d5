"""Readings shared by all who ask."""

import asyncio

import pytest

from jobframe.status.latest import Latest


class Gate:
    """A reading that ends when it is let through, and counts."""

    def __init__(self):
        self.begun = 0
        self.running = 0
        self.most_running = 0
        self.open = asyncio.Event()

    async def read(self):
        self.begun += 1
        number = self.begun
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        await self.open.wait()
        self.running -= 1
        return number


async def test_a_flood_is_at_most_two_readings_one_after_the_other():
    gate = Gate()
    latest = Latest(gate.read)
    first = asyncio.create_task(latest.get(10))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    flood = [asyncio.create_task(latest.get(10)) for _ in range(50)]
    await asyncio.sleep(0)
    gate.open.set()

    assert (await first, set(await asyncio.gather(*flood))) == (1, {2})
    assert gate.most_running == 1


async def test_patience_ends_for_the_one_who_asked_while_the_reading_goes_on():
    gate = Gate()
    latest = Latest(gate.read)
    with pytest.raises(TimeoutError):
        await latest.get(0.01)
    waiting = asyncio.create_task(latest.get(10))
    gate.open.set()

    assert (await waiting, gate.begun) == (2, 2)


async def test_an_error_reaches_all_who_asked_and_the_next_reading_is_new():
    outcomes = iter([ValueError("no"), None])

    async def read():
        outcome = next(outcomes)
        if outcome:
            raise outcome
        return "fine"

    latest = Latest(read)
    found = await asyncio.gather(latest.get(10), latest.get(10), return_exceptions=True)

    assert [type(each) for each in found] == [ValueError, ValueError]
    assert await latest.get(10) == "fine"
