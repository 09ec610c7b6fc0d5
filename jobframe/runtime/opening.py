"""Reads a claimed job: envelope, record and payload in today's shape, or the outcome of one that cannot be read."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from jobframe.core.decide import SUSPECT_CRASHES
from jobframe.core.errors import PayloadError
from jobframe.core.jobtype import JobType
from jobframe.core.outcome import Failed, Parked
from jobframe.core.policy import Policy
from jobframe.core.upcast import upcast
from jobframe.store.claim import Claimed
from jobframe.store.codec import Envelope, Record, Unreadable, decode_payload

__all__ = ["Readable", "own_policy", "read_job"]


class Readable(msgspec.Struct, frozen=True):
    """
    A claimed job that can be run.

    Attributes:
        enqueued_ms: When it was enqueued, server clock.
        envelope: What travels with it, its body in the shape of the type's present version.
        record: What happened to it before.
        payload: The decoded payload.

    """

    enqueued_ms: int
    envelope: Envelope
    record: Record
    payload: Any


def read_job(claimed: Claimed, job_type: JobType) -> Readable | Parked | Failed:
    """Read *claimed* for *job_type*; what a newer worker may read is parked, what none can read has failed."""
    try:
        enqueued_ms, envelope = decode_payload(claimed.payload)
        record = Record.decode(claimed.record)
        if envelope.version > job_type.version:
            return Parked(  # settle.lua goes by these words
                f"too new: payload version {envelope.version}, this worker has {job_type.version}"
            )
        if envelope.version < job_type.version:
            body = upcast(job_type, envelope.version, envelope.body)
            envelope = msgspec.structs.replace(envelope, body=msgspec.Raw(body), version=job_type.version)
        return Readable(enqueued_ms, envelope, record, job_type.shape.decode(envelope.body))
    except Unreadable as error:
        return Parked(str(error))
    except PayloadError as error:
        return Failed(f"payload: {error.problem}")


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
