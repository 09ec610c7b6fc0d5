"""From what a producer asks for to what goes to the store: every check, before anything is sent."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from jobframe.client.exclusion import exclusion
from jobframe.client.options import given_unique, read, when
from jobframe.core import ids
from jobframe.core.body import to_json
from jobframe.core.errors import PayloadError, RestrictedField, UnknownJobType
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType, check_name, declared
from jobframe.core.payload import Shape
from jobframe.core.policy import nearest_name
from jobframe.core.unknown_fields import UnknownFields
from jobframe.store.codec import NOT_EXCLUSIVE, Envelope, Exclusion, Options, encode_tail, plain_tail
from jobframe.store.enqueue import Encoded, Stale
from jobframe.store.policies import InForce, decode

__all__ = ["Encoder", "type_name"]


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

    def __init__(self) -> None:
        """Know nothing yet."""
        self.known: dict[str, InForce | None] = {}

    def learn(self, stale: Stale) -> None:
        """Know the policy that the store answered with, in place of the one that is in force no more."""
        self.known[stale.type] = decode(stale.document) if stale.document else None

    def encode(self, job: NewJob) -> Encoded:
        """
        Check and encode *job*, whose type must be in `known`.

        Raises:
            UnknownJobType: The type is neither in this process nor was it ever announced.
            RestrictedField: The type has restricted fields.
            PayloadError: The payload does not fit, or is over 256 KiB.
            ValueError: An option has an impossible value; the text names it.

        """
        name = type_name(job.type)
        job_type = job.type if isinstance(job.type, JobType) else declared().get(name)
        in_force = self.known[name]
        if job_type is not None:
            version, body = job_type.version, _by_class(job_type.shape, in_force, job.payload)
        elif in_force is not None:
            version, body = in_force.payload_version, _by_announcement(in_force, job.payload)
        else:
            raise UnknownJobType(name, nearest_name(name, [*declared(), *filter(self.known.get, self.known)]))
        found = exclusion(body, read(job, "key"), in_force=in_force, job_type=job_type)
        is_plain = version == 1 and found is NOT_EXCLUSIVE and _is_plain(job)
        tail = plain_tail(body) if is_plain else _full_tail(job, version, body, found)
        unique = ids.new_unique() if job.id is None else given_unique(name, job.id)
        return Encoded(name, unique, when(job), tail, in_force.version if in_force else 0)


def _is_plain(job: NewJob) -> bool:
    return (
        job.id is None and job.priority is None and job.expires is None
        and job.timeout is None and job.max_retries is None and not job.headers
    )  # fmt: skip


def _by_class(shape: Shape, in_force: InForce | None, payload: Any) -> bytes:
    sealed = in_force.sealed if in_force else ()
    if shape.restricted or sealed:
        raise RestrictedField(shape.type, shape.restricted or sealed)
    return shape.encode(payload)


def _by_announcement(in_force: InForce, payload: Any) -> bytes:
    """Check what can be checked without the class: restricted and unknown fields, and the size."""
    if in_force.sealed:
        raise RestrictedField(in_force.type, in_force.sealed)
    payload = {} if payload is None else payload
    if not isinstance(payload, dict) and not attrs.has(type(payload)):
        raise PayloadError(in_force.type, f"expected a dict, an attrs object or None, got {type(payload).__name__}")
    body = to_json(in_force.type, payload)
    for name in payload if isinstance(payload, dict) else ():
        if name not in in_force.fields:
            raise UnknownFields(in_force.type).refuse(str(name), in_force.fields)
    return body


def _full_tail(job: NewJob, version: int, body: bytes, exclusion: Exclusion) -> bytes:
    envelope = Envelope(
        body=msgspec.Raw(body),
        version=version,
        headers=read(job, "headers") or None,
        timeout_ms=read(job, "timeout"),
        max_retries=read(job, "max_retries"),
    )
    options = Options(
        given=job.id is not None,
        expires_ms=read(job, "expires"),
        priority=read(job, "priority"),
        exclusion=exclusion,
    )
    return encode_tail(envelope, options)
