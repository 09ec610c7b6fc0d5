"""All that a policy can say, together: grouped, sharing, unique and scheduled types under any order of calls."""

from __future__ import annotations

import contextlib
import os
import random  # noqa: TID251 - a seed makes the same calls again
from typing import Any, get_args

import pytest

from jobframe.core.errors import JobframeError
from jobframe.core.group import Group
from jobframe.core.job import State
from jobframe.core.outcome import Cancelled, Completed, Crashed, Failed, Interrupted, Parked, Retried, Snoozed
from jobframe.core.policy import Policy
from jobframe.core.rate import Rate
from jobframe.core.resource import Use
from jobframe.core.schedule import Overlap, Schedule
from jobframe.store import inspect, operate, parking, schedules
from jobframe.store.claim import Claimed
from jobframe.store.codec import Record
from jobframe.store.doctor import examine
from jobframe.store.notes import mark_step
from jobframe.store.purge import purge
from tests.conformance.invariants import broken, states_in
from tests.conformance.test_hygiene import KEPT_FOR_A_TYPE, KEPT_FOR_ALL
from tests.conformance.world import DAY, HOUR, MINUTE, SECOND, World

SEEDS = int(os.environ.get("TOGETHER_SEEDS", "100"))
CALLS = 120
TYPES = ("plain", "tenants", "sharing", "both")
GROUPED, SHARING = ("tenants", "both"), ("sharing", "both")
GROUPS = [letter * 16 for letter in "abc"]
ENDED = (State.FAILED, State.CANCELLED, State.PARKED)
PURGED = (State.WAITING, State.DELAYED, *ENDED, State.COMPLETED)
KEPT_OF_POLICIES = {"uses", "resources", "rates", "superseded"}
VERBS = {
    "enqueue": 8, "claim": 8, "settle": 8, "cancel": 4, "wait": 4, "retry": 3, "apply": 2, "fire": 2, "pause": 1,
    "purge": 1, "replay": 1, "unpark": 1, "schedule": 1, "note": 1, "join": 1, "die": 1, "leave": 1, "sweep": 1,
}  # fmt: skip


class Together:
    """What producers, workers and operators do to one namespace, drawn by dice."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.dice = random.Random(seed)  # noqa: S311 - as above
        self.held: dict[str, list[Claimed]] = {}
        self.equal: dict[str, dict[str, Any]] = {}
        self.made: list[str] = []
        self.done: list[str] = []
        self.joined = 0

    async def begin(self) -> None:
        self.world.lowered = {*TYPES, "gpu"}
        await self.join()
        for name in TYPES:
            await self.world.apply(name, self.policy(name))

    def policy(self, name: str) -> Policy:
        pick = self.dice.choice
        self.equal[name] = {"replace": pick((False, True)), "window_ms": pick((None, None, MINUTE))}
        return Policy(
            concurrency=pick((None, None, 2)),
            group=pick((None, *(Group("tenant", n) for n in (1, 2, 8)))) if name in GROUPED else None,
            uses=pick(((), *((Use("gpu", n, 4),) for n in (1, 1, 2)))) if name in SHARING else (),
            rate_limit=pick((None, None, None, Rate(5, SECOND))),
            expires_ms=pick((None, None, MINUTE)),
            max_waiting=pick((None, 30)),
            priority=pick(("normal", "normal", "high")),
            keep_failed_ms=HOUR,
        )

    def options(self, name: str) -> dict[str, Any]:
        pick, roll = self.dice.choice, self.dice.random
        group = {"group": pick(GROUPS)} if name in GROUPED and roll() < 0.9 else {}
        equal = {"key": f"k{pick('1234')}", **self.equal[name]} if roll() < 0.5 else {}
        return {**group, **equal}

    async def step(self) -> None:
        (verb,) = self.dice.choices(list(VERBS), list(VERBS.values()))
        self.done.append(verb)
        await getattr(self, verb)()

    async def enqueue(self) -> None:
        pick, name, jobs = self.dice.choice, self.dice.choice(TYPES), []
        for _ in range(self.dice.randint(1, 6)):
            given = pick(("", "", f"u{self.dice.randint(1, 30)}"))
            own: dict[str, Any] = {
                "priority": pick((None, None, "high", "low")),
                "expires_ms": pick((None, None, None, MINUTE)),
            }
            when = pick(("", "", f"+{self.dice.randint(1, 90) * SECOND}"))
            jobs.append(self.world.job(name, given, when, given=bool(given), **own, **self.options(name)))
        self.made += [f"{job.type}:{job.unique}" for job in jobs]
        with contextlib.suppress(JobframeError):  # its queue is full
            await self.world.send(*jobs)

    async def claim(self) -> None:
        name = self.dice.choice(list(self.held))
        self.held[name] += (await self.world.claim(name, self.dice.randint(1, 6))).jobs

    async def settle(self) -> None:
        name, delay = self.dice.choice(list(self.held)), self.dice.choice((0, 5 * SECOND))
        outcomes = (
            Completed(b"1"), Completed(), Failed("why"), Cancelled("why"), Parked("too new: payload version 2"),
            Crashed(), Retried(delay), Snoozed(5 * SECOND), Interrupted(delay),
        )  # fmt: skip
        self.dice.shuffle(self.held[name])
        most, ended = self.dice.randint(0, len(self.held[name])), []
        for job in self.held[name][:most]:
            follow_ups = [self.world.job("both", **self.options("both"))] if self.dice.random() < 0.1 else []
            ended.append(self.world.ended(job, self.dice.choice(outcomes), Record(attempts=1), follow_ups=follow_ups))
        del self.held[name][:most]
        await self.world.settle(name, *ended)

    async def note(self) -> None:
        for name, jobs in self.held.items():
            for job in jobs[:1]:
                await mark_step(self.world.store, name, f"{job.type}:{job.unique}", job.fence, "charge")

    async def cancel(self) -> None:
        with contextlib.suppress(JobframeError):
            await self.world.cancel(self.dice.choice(self.made or ["plain:x"]), "why")

    async def retry(self) -> None:
        with contextlib.suppress(JobframeError):
            await self.world.retry(self.dice.choice(self.made or ["plain:x"]))

    async def replay(self) -> None:
        state = self.dice.choice(ENDED)
        jobs = (await inspect.jobs(self.world.store, self.dice.choice(TYPES), state)).jobs
        if jobs:
            await operate.retry_some(self.world.store, jobs, state, "tester", gap_us=2_000_000)

    async def apply(self) -> None:
        name = self.dice.choice(TYPES)
        await self.world.apply(name, self.policy(name))

    async def pause(self) -> None:
        await self.world.pause(self.dice.choice(TYPES), self.dice.choice(("pause", "resume", "resume")))

    async def purge(self) -> None:
        age = self.dice.choice((0, MINUTE))
        await purge(self.world.store, self.dice.choice(TYPES), self.dice.choice(PURGED), age)

    async def unpark(self) -> None:
        await parking.unpark(self.world.store, dict.fromkeys(TYPES, 2))

    async def schedule(self) -> None:
        name, overlap = self.dice.choice(TYPES), self.dice.choice(get_args(Overlap))
        each = Schedule(name=f"s-{name}", job=name, every_ms=10 * SECOND, overlap=overlap)
        await schedules.put(self.world.store, [name], [each], "tester")

    async def fire(self) -> None:
        slot = self.world.now - self.world.now % (10 * SECOND)
        for name, each in (await schedules.read(self.world.store)).schedules.items():
            of = each.in_force.schedule.job
            job = self.world.job(of, f"{name}@{slot}", given=True, **self.options(of))
            self.made.append(f"{of}:{job.unique}")
            await schedules.fire(self.world.store, each.in_force, slot, job)

    async def join(self) -> None:
        self.joined += 1
        await self.world.join(f"w{self.joined}", *TYPES, apply=False)
        self.held[f"w{self.joined}"] = []

    async def die(self) -> None:
        if len(self.held) > 1:
            name, _ = self.held.popitem()
            await self.world.bury(name)

    async def leave(self) -> None:
        if len(self.held) > 1:
            name, _ = self.held.popitem()
            await self.world.leave(name)

    async def sweep(self) -> None:
        await self.world.sweep()

    async def wait(self) -> None:
        self.world.now += self.dice.choice((1, SECOND, 10 * SECOND, MINUTE))
        for name in self.held:
            self.world.renew(name)

    async def end(self) -> None:
        """Let all jobs come to their end, all workers leave, and time go by until nothing of them is kept."""
        for name in TYPES:
            await self.world.pause(name, "resume")
        for _ in range(200):
            await self.unpark()
            for name, held in self.held.items():
                self.world.renew(name)
                held.extend((await self.world.claim(name)).jobs)
                await self.world.complete(name, held)
                held.clear()
            self.world.now += 10 * SECOND
        assert {"completed", "failed", "cancelled"} >= set(states_in(await self.world.dump(), self.world.now).values())
        assert {} == (await examine(self.world.store)).troubles
        await schedules.put(self.world.store, TYPES, [], "tester")
        for name in self.held:
            await self.world.leave(name)
        for _ in range(4):
            self.world.now += 10 * DAY
            await self.world.sweep()
            await self.world.sweep()


async def judge(world: World, seed: int) -> None:
    together = Together(world, seed)
    await together.begin()
    for number in range(CALLS):
        await together.step()
        assert [] == await broken(world), together.done
        if number % 10 == 0:
            assert {} == (await examine(world.store)).troubles, together.done
    await together.end()
    markers = {f"wake:{lane}" for lane in world.lanes.values()}
    kept = {f"{key}:{name}" for key in KEPT_FOR_A_TYPE for name in TYPES} | KEPT_FOR_ALL | KEPT_OF_POLICIES
    assert set() == (await world.dump()).keys() - kept - markers


@pytest.mark.parametrize("seed", range(8))
async def test_any_mix_of_all_features_leaves_a_sound_store_and_in_the_end_nothing(world, seed):
    await judge(world, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8, SEEDS))
async def test_many_mixes_of_all_features_leave_a_sound_store_and_in_the_end_nothing(world, seed):
    await judge(world, seed)
