"""The policy in force: one document a type, written by starting workers, obeyed by producers and workers alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import msgspec

from jobframe.core.jobtype import JobType
from jobframe.core.payload import sealed_fields
from jobframe.core.policy import Policy
from jobframe.store.codec import WEIGHTS
from jobframe.store.store import Store

__all__ = ["InForce", "Member", "announce", "apply", "document", "history", "read"]


@attrs.frozen(kw_only=True)
class InForce:
    """
    What is in force for one type.

    Attributes:
        type: Job type.
        digest: Fingerprint of everything below but *by*, *source*, *version* and *at*.
        payload_version: Version of the payload's shape.
        fields: Names of the payload's fields.
        restricted: Names of those that their author declared restricted.
        policy: The policy.
        defaults: What the fields that make jobs equal have when they are left out.
        batch: Most jobs of one call of its handler; 0 for a handler of one job.
        by: Who put it in force: a worker, or ``user@host``.
        source: Fingerprint of its file and code, without the environment; empty when an operator put it in force.
        version: Rises with each change.
        at: When it came in force, server milliseconds.

    """

    type: str
    digest: str
    payload_version: int
    fields: tuple[str, ...]
    restricted: tuple[str, ...]
    policy: Policy
    by: str
    defaults: dict[str, Any] = attrs.field(factory=dict)
    source: str = ""
    batch: int = 0
    version: int = 0
    at: int = 0

    @property
    def sealed(self) -> tuple[str, ...]:
        """Names of the fields that are sealed: the restricted ones and those that the policy names."""
        return sealed_fields(self.fields, self.restricted, self.policy.encrypt)


@attrs.frozen(kw_only=True)
class Member:
    """
    What a worker tells of itself when it joins the fleet.

    Attributes:
        host: Its machine.
        pid: Its process number.
        started_at: When it started, its own clock, milliseconds.
        types: Job types it runs.
        kind: Fingerprint of *types*: workers of one kind wake each other.
        max_jobs: Jobs at once.
        lease_ms: Length of its lease.
        version: Version of jobframe.
        digests: Type → fingerprint of the policy that its own file says; empty when it follows what is in force.

    """

    host: str
    pid: int
    started_at: int
    types: tuple[str, ...]
    kind: str
    max_jobs: int
    lease_ms: int
    version: str
    digests: Mapping[str, str] = attrs.field(factory=dict)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(InForce).decode


def fingerprint(value: object) -> str:
    """Twelve hexadecimal digits that stand for *value*'s JSON."""
    return hashlib.blake2b(_encode(value), digest_size=6).hexdigest()


def document(job_type: JobType, policy: Policy, by: str, file: str = "") -> InForce:
    """
    Describe *job_type* under *policy* as *by* would put it in force.

    Args:
        job_type: The type, as its code declares it.
        policy: Its policy.
        by: Who puts it in force.
        file: Fingerprint of the file that says so; empty when an operator does.

    """
    shape = job_type.shape
    defaults = shape.defaults(policy.unique.by or ()) if policy.unique else {}
    code = (job_type.name, job_type.version, shape.fields, shape.restricted, job_type.batch)
    return InForce(
        type=job_type.name,
        digest=fingerprint((*code, policy, defaults)),
        payload_version=job_type.version,
        fields=shape.fields,
        restricted=shape.restricted,
        policy=policy,
        by=by,
        defaults=defaults,
        source=fingerprint((file, *code)) if file else "",
        batch=job_type.batch or 0,
    )


async def announce(
    store: Store,
    worker: str,
    member: Member,
    documents: Iterable[InForce],
    *,
    joining: bool = True,
    apply: bool,
    edited_ms: int,
) -> dict[str, tuple[str, InForce]]:
    """
    Register a worker, put its policies in force, and learn those that are.

    Args:
        store: The store.
        worker: Its name.
        member: What it tells of itself.
        documents: One a type that it runs.
        joining: False when it has joined before and only wants to know what is in force now.
        apply: False takes what is in force, and only announces types that never were.
        edited_ms: When the file was last edited; one superseded later than that is not put in force again.

    Returns:
        Type → the lane it is claimed from, and what is in force; nothing when a worker that had joined was given up
        for dead since.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    lease_ms = member.lease_ms if joining else 0
    reply = await store.run("announce", worker, lease_ms, _encode(member), int(apply), edited_ms, *_laid_out(documents))
    return {t.decode(): (lane.decode(), _decode(doc)) for t, lane, doc in zip(*[iter(reply)] * 3, strict=True)}


async def apply(store: Store, documents: Iterable[InForce]) -> tuple[str, ...]:
    """
    Put policies in force for the whole fleet; workers obey from their next claim on.

    Args:
        store: The store.
        documents: One a type.

    Returns:
        The types whose policy was another before.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    return tuple(name.decode() for name in await store.run("apply", *_laid_out(documents)))


async def read(store: Store, types: Iterable[str] | None = None) -> Mapping[str, InForce]:
    """
    Read what is in force for *types*, or for all; a type never announced is absent.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    names = None if types is None else list(types)
    found = await store.read_hash(store.keys.types, names)
    return {name: _decode(doc) for name, doc in found.items()}


async def history(store: Store, type: str) -> tuple[InForce, ...]:
    """
    Read the last policies of *type*, the one in force first; empty when it was never announced.

    Raises:
        StoreUnavailable: The server cannot be reached or used.

    """
    return tuple(_decode(doc) for doc in await store.read_list(store.keys.history(type)))


def decode(doc: bytes) -> InForce:
    """Read one document as the store holds it."""
    return _decode(doc)


def _laid_out(documents: Iterable[InForce]) -> list[str | bytes | int]:
    """Lay the policies out as in_force.lua reads them."""
    args: list[str | bytes | int] = []
    for doc in documents:
        policy = doc.policy
        args += [
            doc.type, doc.digest, WEIGHTS[policy.priority], policy.concurrency or 0, policy.keep_completed,
            policy.keep_result_ms, policy.keep_failed_ms, policy.expires_ms or 0, policy.max_waiting or 0,
            *_rate(policy), _group(policy), _uses(policy), _pool(doc), _without_version(doc),
        ]  # fmt: skip
    return args


def _rate(policy: Policy) -> tuple[int, int]:
    """Say how the type's starts are spaced, in microseconds (0 is not at all), and how many may come at once."""
    rate = policy.rate_limit
    return (rate.interval_us, rate.burst) if rate else (0, 0)


def _group(policy: Policy) -> int:
    """Say how many jobs of one group may run at once; 0 is no limit."""
    return policy.group.concurrency if policy.group else 0


def _uses(policy: Policy) -> str:
    """Say what a job takes of the type's resources, and how much there is of each."""
    return ",".join(f"{use}:{use.capacity}" for use in policy.uses)


def _pool(doc: InForce) -> str:
    """
    Name whose places the type's jobs take.

    A type whose room is counted apart has a name of its own: in a bounded pool a batch takes one place, and
    ``per_worker`` allows fewer jobs than the pool.
    """
    run_in = doc.policy.run_in
    apart = doc.policy.per_worker is not None or (doc.batch and run_in != "loop")
    return f"{run_in} {doc.type}" if apart else run_in


def _without_version(doc: InForce) -> bytes:
    """JSON of *doc* as announce.lua takes it: it adds version and at itself."""
    fields = attrs.asdict(doc, recurse=False, filter=lambda field, _: field.name not in ("version", "at"))
    return _encode(fields)
