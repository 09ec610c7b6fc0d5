"""The ledger of a job's steps, as one attempt sees it: what is marked, what is not done again, what is refused."""

import asyncio

import pytest

from jobframe.core.steps import LONGEST_NAME, MAX_STEPS, BlockingOnce, Once, Steps


class Store:
    """Marks steps and counts how often it was asked."""

    def __init__(self, *done):
        self.done = list(done)
        self.asked = []

    async def mark(self, step):
        self.asked.append(step)
        await asyncio.sleep(0)
        if step:
            self.done.append(step)
        return tuple(self.done)

    def steps(self):
        return Steps("book.read:7", self.mark)


async def run(steps, name, error=None):
    """Do a step and tell whether it was the first time."""
    async with Once(steps, name) as first:
        if error is not None:
            raise error
    return first


async def test_a_step_is_first_until_it_has_once_ended_well():
    store = Store()
    steps = store.steps()

    for _ in range(2):
        with pytest.raises(RuntimeError):
            await run(steps, "charge", RuntimeError())
    assert [True, False, False] == [await run(steps, "charge") for _ in range(3)]
    assert ["charge"] == store.done


async def test_a_step_that_is_cancelled_is_not_marked():
    store = Store()
    with pytest.raises(asyncio.CancelledError):
        await run(store.steps(), "charge", asyncio.CancelledError())

    assert [] == store.done


async def test_a_later_attempt_does_no_step_again():
    store = Store("charge")
    steps = store.steps()

    assert [False, True] == [await run(steps, "charge"), await run(steps, "mail")]


async def test_the_store_is_asked_once_and_then_only_told():
    store = Store("a")
    steps = store.steps()
    for name in "abab":
        await run(steps, name)

    assert ["", "b"] == store.asked


async def test_steps_of_one_job_may_overlap():
    store = Store()
    steps = store.steps()

    assert [True] * 5 == await asyncio.gather(*(run(steps, str(n)) for n in range(5)))
    assert {"0", "1", "2", "3", "4"} == set(store.done)
    assert [False] * 5 == await asyncio.gather(*(run(steps, str(n)) for n in range(5)))


async def test_a_slow_first_look_does_not_undo_a_mark_that_came_before_it():
    quick, slow = looks = [asyncio.Event(), asyncio.Event()]
    coming = iter(looks)

    async def mark(step):
        if not step:
            await next(coming).wait()
        return [step] if step else []

    steps = Steps("book.read:7", mark)
    one, other = asyncio.create_task(run(steps, "a")), asyncio.create_task(run(steps, "b"))
    quick.set()
    await one
    slow.set()
    await other

    assert not await run(steps, "a")


async def test_a_job_has_at_most_256_steps_also_when_they_overlap():
    store = Store(*(f"done {n}" for n in range(MAX_STEPS - 1)))
    steps = store.steps()

    async with Once(steps, "last"):
        with pytest.raises(ValueError, match=r"job book\.read:7: over 256 steps: make one step of several"):
            await run(steps, "one more")
        async with Once(steps, "last"):
            pass
    with pytest.raises(ValueError, match="over 256 steps"):
        await run(steps, "one more")
    assert not await run(steps, "last")


async def test_a_step_that_failed_takes_no_place():
    store = Store(*(f"done {n}" for n in range(MAX_STEPS - 1)))
    steps = store.steps()
    with pytest.raises(RuntimeError):
        await run(steps, "one", RuntimeError())

    assert await run(steps, "other")


@pytest.mark.parametrize("name", ["", "x" * (LONGEST_NAME + 1), "two\nlines", "\x1b[2J", 7, None, b"charge"])
def test_a_name_that_is_none_is_refused_at_once(name):
    with pytest.raises(ValueError, match=r"step .*: name it with 1 to 128 printable characters"):
        Once(Store().steps(), name)


async def test_a_plain_with_does_the_same_from_another_thread():
    store = Store()
    steps, loop = store.steps(), asyncio.get_running_loop()

    def handler(error=None):
        with BlockingOnce(Once(steps, "charge"), loop) as first:
            if error is not None:
                raise error
        return first

    with pytest.raises(RuntimeError):
        await asyncio.to_thread(handler, RuntimeError())
    assert [True, False] == [await asyncio.to_thread(handler) for _ in range(2)]
