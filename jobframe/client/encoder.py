"""From what a producer asks for to what goes to the store: every check, before anything is sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import attrs
import msgspec

from jobframe.client.exclusion import exclusion
from jobframe.client.options import given_unique, read, when
from jobframe.core import ids
from jobframe.core.body import to_json
from jobframe.core.errors import PayloadError, RestrictedField, UnknownJobType
from jobframe.core.group import group_of
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType, check_name, declared
from jobframe.core.keyring import Keyring
from jobframe.core.payload import Shape, restricted_fields
from jobframe.core.policy import nearest_name
from jobframe.core.unknown_fields import UnknownFields
from jobframe.store.codec import NOT_EXCLUSIVE, Envelope, Exclusion, Options, encode_tail, plain_tail
from jobframe.store.enqueue import Encoded, Stale
from jobframe.store.policies import InForce, decode
from jobframe.store.seal import seal_fields

__all__ = ["Encoder", "group_in_force", "type_name"]


def type_name(type: str | JobType) -> str:
    """
    Return the name of a job type given by name or as itself.

    Raises:
        ValueError: It is neither.

    """
    if isinstance(type, JobType):
        return type.name
    return check_name(type)


class Encoder:
    """
    Checks and encodes jobs by the handler's own class where this process has it, else by what a worker announced.

    Attributes:
        known: Type → its policy in force, None when it was never announced; absent types must be looked up first.

    """

    def __init__(self, keyring: Callable[[], Keyring] = Keyring) -> None:
        """Know nothing yet; *keyring* is asked for the keys when there is something to seal."""
        self.known: dict[str, InForce | None] = {}
        self._keyring = keyring

    def learn(self, stale: Stale) -> None:
        """Know the policy that the store answered with, in place of the one that is in force no more."""
        self.known[stale.type] = decode(stale.document) if stale.document else None

    def encode(self, job: NewJob, unique: str | None = None) -> Encoded:
        """
        Check and encode *job*, whose type must be in `known`.

        Args:
            job: What is asked for.
            unique: Unique part of its id when it has one already: sealed fields open under no other.

        Raises:
            UnknownJobType: The type is neither in this process nor was it ever announced.
            RestrictedField: The type has sealed fields, and there is no key.
            ConfigError: The keys cannot be read.
            PayloadError: The payload does not fit, or is over 256 KiB.
            ValueError: An option has an impossible value; the text names it.

        """
        name = type_name(job.type)
        job_type = job.type if isinstance(job.type, JobType) else declared().get(name)
        in_force = self.known[name]
        if job_type is not None:
            version, body = job_type.version, job_type.shape.encode(job.payload)
            fields = _sealed_by_class(job_type, in_force)
        elif in_force is not None:
            version, body = in_force.payload_version, _by_announcement(in_force, job.payload)
            fields = in_force.sealed
        else:
            raise UnknownJobType(name, nearest_name(name, [*declared(), *filter(self.known.get, self.known)]))
        found = exclusion(body, read(job, "key"), in_force=in_force, job_type=job_type)
        if job.payload is not None and not isinstance(job.payload, dict):
            fields = _with_own(fields, type(job.payload))  # type: ignore[arg-type] # a class is hashable
        group = group_in_force(in_force, body, fields)
        if unique is None:
            unique = ids.new_unique() if job.id is None else given_unique(name, job.id)
        sealed: dict[str, str] | None = None
        if fields:
            body, sealed = self._seal(name, unique, body, fields)
        is_plain = version == 1 and not sealed and found is NOT_EXCLUSIVE and group is None and _is_plain(job)
        tail = plain_tail(body) if is_plain else _full_tail(job, version, body, sealed, group, found)
        return Encoded(name, unique, when(job), tail, in_force.version if in_force else 0)

    def _seal(self, type: str, unique: str, body: bytes, fields: tuple[str, ...]) -> tuple[bytes, dict[str, str]]:
        keyring = self._keyring()
        if keyring.active is None:
            raise RestrictedField(type, fields)
        return seal_fields(keyring, type, unique, body, fields)


def _is_plain(job: NewJob) -> bool:
    return (
        job.id is None and job.priority is None and job.expires is None
        and job.timeout is None and job.max_retries is None and not job.headers
    )  # fmt: skip


def group_in_force(in_force: InForce | None, body: bytes, sealed: tuple[str, ...] = ()) -> str | None:
    """
    Return the group of a payload, None when its type has none.

    Raises:
        PayloadError: The group is by one of the *sealed* fields: a digest of its value could be guessed.

    """
    group = in_force.policy.group if in_force else None
    if in_force is None or group is None:
        return None
    if group.by in sealed:
        raise PayloadError(in_force.type, f"group by {group.by!r}: this process seals that field")
    return group_of(group, in_force.type, body)


def _sealed_by_class(job_type: JobType, in_force: InForce | None) -> tuple[str, ...]:
    """Name the fields to seal: what either this process or the worker has restricted, and what the policy names."""
    shape: Shape = job_type.shape
    if in_force is None:
        return shape.sealed(job_type.policy.get("encrypt", ()))
    own, theirs = shape.sealed(in_force.policy.encrypt), in_force.sealed
    return tuple(dict.fromkeys((*own, *theirs))) if own or theirs else ()


@cache
def _with_own(fields: tuple[str, ...], cls: type) -> tuple[str, ...]:
    """Add to *fields* those that the payload's own class restricts: it may be another than the type's."""
    return tuple(dict.fromkeys((*fields, *restricted_fields(cls))))


def _by_announcement(in_force: InForce, payload: Any) -> bytes:
    """Check what can be checked without the class: unknown fields, and the size."""
    payload = {} if payload is None else payload
    if not isinstance(payload, dict) and not attrs.has(type(payload)):
        raise PayloadError(in_force.type, f"expected a dict, an attrs object or None, got {type(payload).__name__}")
    body = to_json(in_force.type, payload)
    for name in payload if isinstance(payload, dict) else (field.name for field in attrs.fields(type(payload))):
        if name not in in_force.fields:
            raise UnknownFields(in_force.type).refuse(str(name), in_force.fields)
    return body


def _full_tail(
    job: NewJob, version: int, body: bytes, sealed: dict[str, str] | None, group: str | None, exclusion: Exclusion
) -> bytes:
    envelope = Envelope(
        body=msgspec.Raw(body),
        version=version,
        sealed=sealed or None,
        headers=read(job, "headers") or None,
        timeout_ms=read(job, "timeout"),
        max_retries=read(job, "max_retries"),
    )
    options = Options(
        given=job.id is not None,
        expires_ms=read(job, "expires"),
        priority=read(job, "priority"),
        group=group,
        exclusion=exclusion,
    )
    return encode_tail(envelope, options)
