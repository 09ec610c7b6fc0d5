"""What a producer with plain arq wrote, read without trust: it becomes a payload, or an error that says why not."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from jobframe.core import ids
from jobframe.core.body import MAX_BYTES
from jobframe.core.jobtype import check_name

__all__ = ["UNREADABLE", "ArqJob", "NotAJob", "arq_id", "parked_unique", "read", "unique_part"]

UNREADABLE = "arq.unreadable"
"""Reserved type under which jobs are parked that cannot be read."""

_CODED = "arq="
_PICKLE = b"\x80"


class NotAJob(ValueError):
    """These bytes, or this id, can be no job of ours; the text says why and repeats none of them."""


class ArqJob(msgspec.Struct):
    """
    A job as arq writes it.

    Attributes:
        f: Name of its function: the job type.
        a: Positional arguments.
        k: Keyword arguments.
        et: When it was enqueued, the producer's clock, milliseconds.

    """

    f: str
    a: list[msgspec.Raw]
    k: dict[str, msgspec.Raw]
    et: int

    def body(self, fields: Sequence[str]) -> bytes:
        """
        Return the payload: keyword arguments are fields, positional ones fill *fields* in order.

        Raises:
            NotAJob: There are too many, a field is given twice, or they are over 256 KiB.

        """
        if len(self.a) > len(fields):
            raise NotAJob(f"{len(self.a)} positional arguments for {len(fields)} fields of {self.f}")
        named = dict(zip(fields, self.a, strict=False))
        twice = named.keys() & self.k.keys()
        if twice:
            raise NotAJob(f"field {min(twice)} of {self.f} is given twice, by position and by name")
        body = msgspec.json.encode({**named, **self.k})
        if len(body) > MAX_BYTES:
            raise NotAJob(f"{len(body)} bytes of arguments are over the limit of {MAX_BYTES}")
        return body


_decode = msgspec.json.Decoder(ArqJob).decode


def read(payload: bytes) -> ArqJob:
    """
    Read what arq's producer wrote; nothing is ever unpickled.

    Raises:
        NotAJob: It is pickled, is no JSON of a job, or its function's name is no name of a job type.

    """
    try:
        job = _decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pickled = "it is pickled: give arq's create_pool job_serializer=jobframe.arq_dumps"
        raise NotAJob(pickled if payload.startswith(_PICKLE) else "its bytes are no JSON of an arq job") from None
    try:
        check_name(job.f)
    except ValueError:
        raise NotAJob("the name of its function is no name of a job type") from None
    if job.f == UNREADABLE:
        raise NotAJob(f"{UNREADABLE} is reserved")
    return job


def unique_part(id: bytes) -> str:
    """
    Return the unique part of our job id for arq's *id*: the same, or a coded form when it has other characters.

    Raises:
        NotAJob: It is too long.

    """
    text = id.decode(errors="replace")
    with suppress(ValueError):
        return ids.check_unique(_coded(id) if text.startswith(_CODED) else text)
    with suppress(ValueError):
        return ids.check_unique(_coded(id))
    raise NotAJob(f"its id of {len(id)} bytes is too long for a job id")


def arq_id(unique: str) -> bytes:
    """Return arq's id for the unique part that `unique_part` made of it."""
    if unique.startswith(_CODED):
        coded = unique.removeprefix(_CODED)
        with suppress(binascii.Error):
            return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
    return unique.encode()


def parked_unique(id: bytes) -> str:
    """Name the parked bytes of the job with arq's *id*: a name of its own for each, however strange or long the id."""
    try:
        return unique_part(id)
    except NotAJob:
        return hashlib.sha256(id).hexdigest()


def _coded(id: bytes) -> str:
    return _CODED + base64.urlsafe_b64encode(id).decode().rstrip("=")
