"""Bytes of a job in the store: the envelope around its payload, the options before it, the record of its attempts."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec

from jobframe.core.job import AttemptError

__all__ = [
    "NOT_EXCLUSIVE", "Envelope", "Exclusion", "Options", "Record", "Unreadable", "decode_payload", "encode_tail",
]  # fmt: skip

ENVELOPE_VERSION = 1
STAMP_DIGITS = 13
MAX_ERRORS_KEPT = 20
WEIGHTS = {"high": 4, "normal": 2, "low": 1}
"""Share of each priority when a worker is full; also its name inside the store."""


class Unreadable(ValueError):
    """These bytes are no job of ours, or of a newer version; the text says which."""


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What travels with a job.

    Attributes:
        body: The payload's JSON, without the sealed fields.
        v: Version of this envelope.
        version: Version of the payload's shape.
        sealed: Field → token; None when nothing is sealed.
        headers: Small strings for tracing and bridges.
        timeout_ms: The job's own time limit.
        max_retries: The job's own number of retries.

    """

    body: msgspec.Raw
    v: int = ENVELOPE_VERSION
    version: int = 1
    sealed: dict[str, str] | None = None
    headers: dict[str, str] | None = None
    timeout_ms: int | None = None
    max_retries: int | None = None


@attrs.frozen
class Exclusion:
    """
    What makes an enqueue find its equal.

    Attributes:
        key: Exclusion key; None is none.
        window_ms: How long the key is held, from this enqueue; None is until the job has ended.
        replace: Whether the job that is there takes the new payload.
        max_wait_ms: How long after its first enqueue that may put it off; None is ten times the delay.

    """

    key: str | None = None
    window_ms: int | None = None
    replace: bool = attrs.field(default=False, kw_only=True)
    max_wait_ms: int | None = attrs.field(default=None, kw_only=True)

    def encode(self) -> str:
        """Write it as the scripts read it; the key is always the last of a job's options."""
        if self.key is None:
            return ""
        window = "" if self.window_ms is None else f";w{self.window_ms}"
        replace = f";r{self.max_wait_ms or ''}" if self.replace else ""
        return f"{window}{replace};k{self.key}"


NOT_EXCLUSIVE = Exclusion()


@attrs.frozen
class Options:
    """
    What the store's scripts themselves must know of a job.

    Attributes:
        given: Whether the caller chose its id.
        expires_ms: It never starts later than this after its enqueue; None leaves it to the policy.
        priority: Its own priority; None is the type's.
        group: Its group, sixteen hexadecimal digits; None when its type has none.
        exclusion: Its exclusion key.

    """

    given: bool = False
    expires_ms: int | None = None
    priority: str | None = None
    group: str | None = None
    exclusion: Exclusion = NOT_EXCLUSIVE

    def encode(self) -> str:
        """Write them as the scripts read them (``shared.lua``, parse_options)."""
        parts = [";g"] if self.given else []
        if self.expires_ms is not None:
            parts.append(f";x{self.expires_ms}")
        if self.priority is not None:
            parts.append(f";p{WEIGHTS[self.priority]}")
        if self.group is not None:
            parts.append(f";t{self.group}")
        return "".join([*parts, self.exclusion.encode()])


_encode = msgspec.json.Encoder().encode
_decode_envelope = msgspec.json.Decoder(Envelope).decode


def encode_tail(envelope: Envelope, options: Options | None = None) -> bytes:
    """Write what stands behind the enqueue time: options, newline, envelope."""
    head = options.encode().encode() if options is not None else b""
    return head + b"\n" + _encode(envelope)


def plain_tail(body: bytes) -> bytes:
    """Write the tail of a job with no options and nothing special in its envelope: the common case, made fast."""
    return b'\n{"body":' + body + b"}"


def decode_payload(value: bytes) -> tuple[int, Envelope]:
    """
    Read a payload from the store: when the job was enqueued (ms) and its envelope.

    Raises:
        Unreadable: It is damaged, or its envelope is of a newer version.

    """
    try:
        enqueued_ms = int(value[:STAMP_DIGITS])
        envelope = _decode_envelope(value[value.index(b"\n", STAMP_DIGITS) + 1 :])
    except (ValueError, RecursionError, msgspec.MsgspecError):
        reason = "unreadable: its bytes are no envelope of this program"
        raise Unreadable(reason) from None
    if envelope.v > ENVELOPE_VERSION:
        reason = f"too new: envelope version {envelope.v}, this worker reads up to {ENVELOPE_VERSION}"
        raise Unreadable(reason)
    return enqueued_ms, envelope


@attrs.frozen
class Record:
    """
    What happened to a job so far.

    Attributes:
        attempts: Attempts that raised or timed out, since the last operator's retry.
        crashes: Times its worker died under it.
        interrupts: Times it was given back at a shutdown.
        snoozes: Times it asked to be run later.
        errors: The newest `AttemptError`s, oldest first.
        retried: When an operator last retried it, and who: ``"<ms> <user>@<host>"``; empty when nobody did.

    """

    attempts: int = 0
    crashes: int = 0
    interrupts: int = 0
    snoozes: int = 0
    errors: tuple[AttemptError, ...] = ()
    retried: str = ""

    def encode(self) -> bytes:
        """Write it as the scripts count in it: ``attempts,crashes,interrupts,snoozes[,retried]|[errors]``."""
        counts = f"{self.attempts},{self.crashes},{self.interrupts},{self.snoozes}"
        retried = f",{self.retried}" if self.retried else ""
        return f"{counts}{retried}|".encode() + _encode(self.errors[-MAX_ERRORS_KEPT:])

    @staticmethod
    def decode(value: bytes) -> Record:
        """
        Read a record; an empty value is an empty record.

        Raises:
            Unreadable: It is damaged.

        """
        if not value:
            return _EMPTY
        counts, _, history = value.partition(b"|")
        try:
            attempts, crashes, interrupts, snoozes, *retried = counts.decode().split(",", 4)
            errors = _decode_errors(history or b"[]")
            numbers = (int(attempts), int(crashes), int(interrupts), int(snoozes))
            record = Record(*numbers, errors, *retried)
        except (ValueError, RecursionError, msgspec.MsgspecError):
            reason = "unreadable: its record is damaged"
            raise Unreadable(reason) from None
        return record


_EMPTY = Record()
_decode_errors: Any = msgspec.json.Decoder(tuple[AttemptError, ...]).decode
