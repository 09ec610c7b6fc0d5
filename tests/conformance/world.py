"""One namespace with a clock turned by hand, and the store's verbs with defaults for all that a test leaves open."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import attrs

from jobframe.core import ids
from jobframe.core.job import JobInfo
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Completed, Outcome
from jobframe.core.policy import Policy
from jobframe.store import inspect, leases, operate, policies
from jobframe.store.claim import Claim, Claimed, claim
from jobframe.store.codec import Exclusion, Options, Record
from jobframe.store.enqueue import Encoded, Stale, enqueue
from jobframe.store.leases import Renewed, Swept
from jobframe.store.results import Ended, await_result
from jobframe.store.settle import Settled, settle
from jobframe.store.store import BlockingStore, Store

START_MS = 1_764_072_000_000 + 90_000
"""A minute and a half into an hour."""

LEASE_MS = 12_000
EXCLUSION = frozenset(field.name for field in attrs.fields(Exclusion))
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_READ_ALL = """#!lua flags=no-writes
local found = {}
for _, key in ipairs(redis.call('KEYS', ARGV[1])) do
  local kind, content = redis.call('TYPE', key).ok, {}
  if kind == 'hash' then content = redis.call('HGETALL', key) end
  if kind == 'list' then
    for i, text in ipairs(redis.call('LRANGE', key, 0, -1)) do
      content[2 * i - 1], content[2 * i] = tostring(i), text
    end
  end
  if kind == 'zset' then content = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end
  found[#found + 1] = {key, kind, redis.call('TTL', key), content}
end
return found
"""


def job_type(name: str) -> JobType:
    async def handler(ctx):
        pass

    return JobType(name, 1, handler, {})


class World:
    """
    A namespace.

    Attributes:
        now: What the scripts take for the server's time, in milliseconds.
        store: The store.
        lanes: Type → lane, as the last announcement answered.
        lowered: Types whose cap a test has lowered below what runs.

    """

    def __init__(self, url: str, namespace: str, store: type[Store] = Store) -> None:
        self.now = START_MS
        self.store = store(url, namespace, clock=lambda: str(self.now))
        self.blocking = BlockingStore(url, namespace, clock=lambda: str(self.now))
        self.lanes: dict[str, str] = {}
        self.lowered: set[str] = set()
        self._versions: dict[str, int] = {}
        self._numbers: Counter[str] = Counter()
        self._ids = itertools.count(1)

    async def aclose(self) -> None:
        self.blocking.close()
        await self.store.aclose()

    def next_number(self, caller: str) -> int:
        self._numbers[caller] += 1
        return self._numbers[caller]

    async def join(
        self,
        worker: str,
        *types: str,
        joining: bool = True,
        apply: bool = True,
        edited_ms: int = START_MS,
        file: str = "",
        lease_ms: int = LEASE_MS,
        **policy: Any,
    ) -> dict[str, policies.InForce]:
        """Announce *types*, all under the same policy; answers what is in force."""
        documents = [policies.document(job_type(name), Policy(**policy), worker, file) for name in types]
        member = policies.Member(
            host="box", pid=1, started_at=START_MS, types=types, kind=policies.fingerprint(sorted(types)), max_jobs=100,
            lease_ms=lease_ms, version="1", digests={each.type: each.digest for each in documents} if apply else {},
        )  # fmt: skip
        answer = await policies.announce(
            self.store, worker, member, documents, joining=joining, apply=apply, edited_ms=edited_ms
        )
        for name, (lane, in_force) in answer.items():
            self.lanes[name] = lane
            self._versions[name] = in_force.version
        return {name: in_force for name, (_, in_force) in answer.items()}

    async def apply(self, type: str, policy: Policy) -> None:
        """Put a policy in force as an operator, and learn its version."""
        await policies.apply(self.store, [policies.document(job_type(type), policy, "me@box")])
        await self.learn()

    async def learn(self) -> None:
        """Learn which version of each policy is in force."""
        self._versions = {name: doc.version for name, doc in (await policies.read(self.store)).items()}

    def job(self, type: str, unique: str = "", when: str = "", body: bytes = b"{}", **options: Any) -> Encoded:
        """Encode a job; without an id it gets a generated one."""
        equal = {name: options.pop(name) for name in EXCLUSION & options.keys()}
        tail = Options(**options, exclusion=Exclusion(**equal)).encode().encode() + b'\n{"body":' + body + b"}"
        return Encoded(type, unique or f"id{next(self._ids):06}", when, tail, self._versions.get(type, 0))

    async def send(self, *jobs: Encoded, client: str = "c1", number: int = 0) -> list[str | None] | Stale:
        """Enqueue in one call; without a number it is a new call."""
        return await enqueue(self.store, client, number or self.next_number(client), jobs)

    async def enqueue(self, type: str, *uniques: str, **options: Any) -> list[str | None] | Stale:
        """Enqueue jobs of one type with these ids."""
        return await self.send(*(self.job(type, unique, **options) for unique in uniques))

    async def try_claim(
        self,
        worker: str,
        room: int = 100,
        *,
        quantum: int = 16,
        number: int = 0,
        lanes: dict[str, int] | None = None,
    ) -> Claim | None:
        """Claim, from all lanes with all the room unless told otherwise."""
        number = number or self.next_number(f"claim {worker}")
        rooms = dict.fromkeys(sorted(set(self.lanes.values())), room) if lanes is None else lanes
        return await claim(self.store, worker, number, room, quantum, rooms.items())

    async def claim(self, worker: str = "w1", room: int = 100, **options: Any) -> Claim:
        """Claim as a registered worker."""
        answer = await self.try_claim(worker, room, **options)
        assert answer is not None
        return answer

    async def start(self, worker: str, type: str, unique: str, **options: Any) -> Claimed:
        """Enqueue one job and claim it."""
        assert await self.enqueue(type, unique, **options) == [None]
        (claimed,) = (await self.claim(worker, 1)).jobs
        assert claimed.unique == unique
        return claimed

    def ended(self, job: Claimed, outcome: Outcome, record: Record | None = None, **more: Any) -> Settled:
        encoded = b"" if record is None else record.encode()
        return Settled(job.type, job.unique, job.fence, job.due_ms, outcome, encoded, **more)

    async def settle(self, worker: str, *batch: Settled, number: int = 0) -> list[bool]:
        """Record outcomes; answers in their order whether each counted."""
        answers = await settle(self.store, worker, number or self.next_number(f"settle {worker}"), batch)
        recorded = {id(settled): counted for settled, counted in answers}
        return [recorded[id(each)] for each in batch]

    async def end(self, worker: str, job: Claimed, outcome: Outcome, record: Record | None = None, **more: Any) -> bool:
        """Record one outcome."""
        (recorded,) = await self.settle(worker, self.ended(job, outcome, record, **more))
        return recorded

    async def complete(self, worker: str, jobs: Sequence[Claimed]) -> list[bool]:
        return await self.settle(worker, *(self.ended(job, Completed()) for job in jobs))

    def renew(self, worker: str, lease_ms: int = LEASE_MS) -> Renewed:
        """Renew as a worker that is in the fleet."""
        answer = self.try_renew(worker, lease_ms)
        assert answer is not None
        return answer

    def try_renew(self, worker: str, lease_ms: int = LEASE_MS) -> Renewed | None:
        return leases.renew(self.blocking, worker, lease_ms)

    async def sweep(self, lease_ms: int = LEASE_MS, *, may_take: bool = True) -> Swept:
        return await leases.sweep(self.store, lease_ms, may_take=may_take)

    async def bury(self, worker: str) -> None:
        """Let *worker* die and be taken over; all others renew meanwhile."""
        others = {name.decode() for name in await self.store.redis.zrange(self.store.keys.workers, 0, -1)} - {worker}
        for ms in (LEASE_MS + 1, LEASE_MS // 3):
            self.now += ms
            for other in others:
                self.renew(other)
            while (await self.sweep()).more:
                pass
        assert await self.store.redis.zscore(self.store.keys.workers, worker) is None

    async def leave(self, worker: str) -> int:
        return await leases.leave(self.store, worker)

    async def cancel(self, id: str, reason: str = "") -> str:
        return await operate.cancel(self.store, id, reason)

    async def retry(self, id: str) -> None:
        await operate.retry(self.store, id, "tester")

    async def pause(self, type: str, action: Any = "pause") -> None:
        await operate.pause(self.store, type, action, "tester")

    async def await_result(self, id: str, client: str = "c1") -> Ended | None:
        return await await_result(self.store, id, client)

    async def info(self, id: str) -> JobInfo:
        return await inspect.info(self.store, id)

    async def state(self, id: str) -> str:
        return (await self.info(id)).state.value

    async def counts(self, type: str | None = None) -> dict[str, int]:
        """Count, without the zeros."""
        return {name: count for name, count in (await inspect.counts(self.store, type)).items() if count}

    async def counter(self, type: str, name: str) -> int:
        return int((await self.store.read_hash(self.store.keys.counters(type))).get(name, 0))

    async def dump(self) -> dict[str, dict[str, Any]]:
        """Read everything that stands in the namespace."""
        return {key: content for key, (content, _) in self._read_all().items()}

    async def limited(self) -> list[str]:
        """List the keys that have a time limit."""
        return [key for key, (_, seconds_left) in self._read_all().items() if seconds_left != -1]

    def _read_all(self) -> dict[str, tuple[dict[str, Any], int]]:
        redis: Any = self.blocking.redis
        prefix = self.store.keys.prefix
        found = {}
        for key, kind, seconds_left, flat in redis.eval(_READ_ALL, 0, prefix + "*"):
            if key.decode().startswith(prefix + "well:"):
                continue  # the sign of a worker's process, which goes by itself
            assert kind in (b"hash", b"list", b"zset"), f"{key} is a {kind}"
            fields, values = map(_text, flat[::2]), flat[1::2]
            content = map(float, values) if kind == b"zset" else map(_text, values)
            found[key.decode().removeprefix(prefix)] = (dict(zip(fields, content, strict=True)), seconds_left)
        return found

    async def woken(self) -> bool:
        """Pop the markers of all lanes, and tell whether there was any."""
        return bool(await self.store.redis.delete(*(self.store.keys.wake(lane) for lane in set(self.lanes.values()))))


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def names(answer: Claim) -> list[str]:
    """List the ids that a claim answered, in its order."""
    return [ids.join(job.type, job.unique) for job in answer.jobs]
