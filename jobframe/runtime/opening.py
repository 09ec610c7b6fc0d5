"""Reads a claimed job: envelope, record and payload in today's shape, or the outcome of one that cannot be read."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import attrs
import msgspec

from jobframe.core.body import fields_of
from jobframe.core.decide import SUSPECT_CRASHES
from jobframe.core.errors import PayloadError
from jobframe.core.jobtype import JobType
from jobframe.core.keyring import NO_KEYS, Keyring
from jobframe.core.outcome import Failed, Parked
from jobframe.core.policy import Policy
from jobframe.core.upcast import upcast
from jobframe.store.claim import Claimed
from jobframe.store.codec import Envelope, Record, Unreadable, decode_payload
from jobframe.store.seal import MissingKey, Unsealable, key_of, open_fields

__all__ = ["Readable", "own_policy", "read_job"]


class Readable(msgspec.Struct, frozen=True):
    """
    A claimed job that can be run.

    Attributes:
        enqueued_ms: When it was enqueued, server clock.
        envelope: What travels with it, its body in the shape of the type's present version.
        record: What happened to it before.
        payload: The decoded payload.
        secret: JSON list of the values of sealed fields, which may be told nowhere; empty when there are none.

    """

    enqueued_ms: int
    envelope: Envelope
    record: Record
    payload: Any
    secret: bytes = b""


def read_job(
    claimed: Claimed, job_type: JobType, sealed: Collection[str] = (), keyring: Keyring = NO_KEYS
) -> Readable | Parked | Failed:
    """
    Read a claimed job; what another worker may read is parked, what none can read has failed.

    Args:
        claimed: The job.
        job_type: Its type.
        sealed: Names of the fields that are sealed by now; what was sealed is told by the job itself.
        keyring: The keys at hand.

    """
    try:
        enqueued_ms, envelope = decode_payload(claimed.payload)
        record = Record.decode(claimed.record)
        if envelope.version > job_type.version:
            return Parked(_too_new(envelope, job_type))
        opened: list[msgspec.Raw] = []
        if envelope.sealed:
            body, opened = open_fields(keyring, claimed.type, claimed.unique, envelope.body, envelope.sealed)
            envelope = msgspec.structs.replace(envelope, body=msgspec.Raw(body))
        if envelope.version < job_type.version:
            body = upcast(job_type, envelope.version, envelope.body)
            envelope = msgspec.structs.replace(envelope, body=msgspec.Raw(body), version=job_type.version)
        payload = job_type.shape.decode(envelope.body)
        secret = _secret(opened, envelope.body, sealed) if opened or sealed else b""
        return Readable(enqueued_ms, envelope, record, payload, secret)
    except MissingKey as missing:
        words = f"key_unavailable: payload version {envelope.version} is sealed with key {missing.kid!r}"
        return Parked(f"{words}, which this worker does not have")  # settle.lua goes by these words
    except Unsealable as error:
        return Parked(f"unreadable: {error}")
    except Unreadable as error:
        return Parked(str(error))
    except PayloadError as error:
        return Failed(f"payload: {error.problem}")


def _too_new(envelope: Envelope, job_type: JobType) -> str:
    reason = f"too new: payload version {envelope.version}, this worker has {job_type.version}"
    kid = key_of(envelope.sealed or {})
    return f"{reason}; sealed with key {kid!r}" if kid else reason  # settle.lua goes by these words


def _secret(opened: list[msgspec.Raw], body: msgspec.Raw, sealed: Collection[str]) -> bytes:
    """Gather what may be told nowhere: what was sealed, and the sealed fields as the present shape has them."""
    fields = fields_of(body)
    return msgspec.json.encode([*opened, *(fields[name] for name in sealed if name in fields)])


def own_policy(policy: Policy, envelope: Envelope, record: Record) -> Policy:
    """Put the job's own timeout and retries into its type's policy, and a suspect into a child; most have neither."""
    is_suspect = record.crashes >= SUSPECT_CRASHES
    if envelope.timeout_ms is None and envelope.max_retries is None and not is_suspect:
        return policy
    return attrs.evolve(
        policy,
        run_in="process" if is_suspect else policy.run_in,
        timeout_ms=policy.timeout_ms if envelope.timeout_ms is None else envelope.timeout_ms,
        max_retries=policy.max_retries if envelope.max_retries is None else envelope.max_retries,
    )
