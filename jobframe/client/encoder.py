"""From what a producer asks for to what goes to the store: every check, before anything is sent."""

from __future__ import annotations

import datetime as dt
from typing import Any

import attrs
import msgspec

from jobframe.core import clock, ids
from jobframe.core.body import to_json
from jobframe.core.duration import to_delay_ms
from jobframe.core.errors import PayloadError, RestrictedField, UnknownJobType
from jobframe.core.job import NewJob
from jobframe.core.jobtype import JobType, check_name, declared
from jobframe.core.payload import Shape
from jobframe.core.policy import KEYS, nearest, nearest_name
from jobframe.store.codec import WEIGHTS, Envelope, Options, encode_tail, plain_tail
from jobframe.store.enqueue import Encoded
from jobframe.store.policies import InForce

__all__ = ["Encoder", "type_name"]

_LONGEST_KEY = 256
_MOST_HEADER_BYTES = 4096


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
        tail = plain_tail(body) if version == 1 and _is_plain(job) else _full_tail(job, name, version, body)
        unique = ids.new_unique() if job.id is None else given_unique(name, job.id)
        return Encoded(name, unique, _when(job), tail, in_force.version if in_force else 0)


def given_unique(type: str, id: str) -> str:
    """
    Return the unique part of an id that the caller chose, with or without ``<type>:`` before it.

    Raises:
        ValueError: It has impossible characters.

    """
    return ids.check_unique(id.removeprefix(f"{type}:"))


def _is_plain(job: NewJob) -> bool:
    return (
        job.id is None and job.key is None and job.priority is None and job.expires is None
        and job.timeout is None and job.max_retries is None and not job.headers
    )  # fmt: skip


def _by_class(shape: Shape, in_force: InForce | None, payload: Any) -> bytes:
    restricted = shape.restricted or (in_force.restricted if in_force else ())
    if restricted:
        raise RestrictedField(shape.type, restricted)
    return shape.encode(payload)


def _by_announcement(in_force: InForce, payload: Any) -> bytes:
    """Check what can be checked without the class: restricted and unknown fields, and the size."""
    if in_force.restricted:
        raise RestrictedField(in_force.type, in_force.restricted)
    payload = {} if payload is None else payload
    if not isinstance(payload, dict) and not attrs.has(type(payload)):
        raise PayloadError(in_force.type, f"expected a dict, an attrs object or None, got {type(payload).__name__}")
    body = to_json(in_force.type, payload)
    for name in payload if isinstance(payload, dict) else ():
        if name not in in_force.fields:
            shown = repr(name) if isinstance(name, str) and name.isidentifier() else "(no field name)"
            raise PayloadError(in_force.type, f"unknown field {shown}{nearest(str(name), list(in_force.fields))}")
    return body


def _full_tail(job: NewJob, type: str, version: int, body: bytes) -> bytes:
    envelope = Envelope(
        body=msgspec.Raw(body),
        version=version,
        headers=_headers(job.headers),
        timeout_ms=None if job.timeout is None else _positive(type, "timeout", job.timeout),
        max_retries=None if job.max_retries is None else KEYS["max_retries"][1](job.max_retries),
    )
    options = Options(
        given=job.id is not None,
        expires_ms=None if job.expires is None else _positive(type, "expires", job.expires),
        priority=_priority(job.priority),
        key=_key(job.key),
    )
    return encode_tail(envelope, options)


def _when(job: NewJob) -> str:
    if job.delay is not None and job.at is not None:
        msg = "give delay or at, not both"
        raise ValueError(msg)
    if job.delay is not None:
        delay_ms = to_delay_ms(job.delay)
        return f"+{delay_ms}" if delay_ms else ""
    if job.at is None:
        return ""
    if not isinstance(job.at, dt.datetime):
        msg = f"at must be an aware datetime, not {type(job.at).__name__}"
        raise ValueError(msg)  # noqa: TRY004 - every impossible option is a ValueError
    return f"@{clock.to_ms(job.at)}"


def _positive(type: str, option: str, value: str | dt.timedelta) -> int:
    ms = to_delay_ms(value)
    if ms == 0:
        msg = f"{option} of a {type} job must be longer than 0"
        raise ValueError(msg)
    return ms


def _priority(priority: str | None) -> str | None:
    if priority is not None and priority not in WEIGHTS:
        msg = f"priority must be one of {', '.join(WEIGHTS)}, got {priority!r}"
        raise ValueError(msg)
    return priority


def _key(key: str | None) -> str | None:
    if key is not None and (not isinstance(key, str) or not 1 <= len(key) <= _LONGEST_KEY or not key.isprintable()):
        msg = f"key must be 1 to {_LONGEST_KEY} printable characters"
        raise ValueError(msg)
    return key


def _headers(headers: dict[str, str] | None) -> dict[str, str] | None:
    if not headers:
        return None
    fits = all(isinstance(part, str) for item in headers.items() for part in item)
    if not fits or sum(len(part) for item in headers.items() for part in item) > _MOST_HEADER_BYTES:
        msg = f"headers must be strings, at most {_MOST_HEADER_BYTES} characters in all"
        raise ValueError(msg)
    return dict(headers)
