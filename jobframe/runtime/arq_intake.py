"""Sorts what lies on arq's queue: what can be enqueued, what has to wait, and what is answered at once. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import attrs
import msgspec

from jobframe.client.encoder import group_in_force
from jobframe.client.exclusion import exclusion
from jobframe.core.errors import PayloadError, RestrictedField
from jobframe.runtime.arq_job import UNREADABLE, ArqJob, NotAJob, parked_unique, read, unique_part
from jobframe.store.bridge import Due, Report
from jobframe.store.codec import Envelope, Options, encode_tail
from jobframe.store.enqueue import Encoded
from jobframe.store.policies import InForce

__all__ = ["HEADER", "Intake", "Readable", "Ready", "prepare", "read_all"]

HEADER = "arq"
"""Header of a job that came from arq; its value is arq's queue."""

_UNSEALED = "a plain arq producer cannot seal them; its payload was deleted: enqueue with jobframe instead"
_ARQ_KEEPS_MS = 86_400_000
_CLOCKS_DIFFER_MS = 60_000
_EXPIRED = "expired: arq no longer keeps its payload, and no worker came before"


@attrs.frozen
class Readable:
    """
    A job whose bytes make sense.

    Attributes:
        due: Where it lies.
        job: What its producer wrote.
        unique: Unique part of its id with us.

    """

    due: Due
    job: ArqJob
    unique: str


@attrs.frozen
class Ready:
    """
    A job that can be enqueued.

    Attributes:
        due: Where it lies.
        made_ms: When its producer made it, the producer's clock.
        encoded: The job as it goes to the store.

    """

    due: Due
    made_ms: int
    encoded: Encoded


@attrs.frozen
class Intake:
    """
    Where each job goes.

    Attributes:
        ready: To our queues.
        postponed: Nowhere yet: they have positional arguments, and nobody has announced the fields of their types.
        answers: Back to their producers.

    """

    ready: list[Ready] = attrs.field(factory=list)
    postponed: list[Readable] = attrs.field(factory=list)
    answers: list[Report] = attrs.field(factory=list)


def read_all(queue: str, due: Iterable[Due], sealed: Collection[str] = ()) -> tuple[list[Readable], list[Report]]:
    """
    Read the bytes of each job; what cannot be read, or need not be run, is answered.

    Args:
        queue: arq's queue.
        due: The jobs.
        sealed: Types with sealed fields: unreadable bytes that name one are not kept, they may hold a value in clear.

    """
    readable: list[Readable] = []
    answers: list[Report] = []
    for each in due:
        if not each.payload:
            answers.append(Report("refused", queue, each.id, UNREADABLE, parked_unique(each.id), text=_EXPIRED))
            continue
        try:
            job, unique = read(each.payload), unique_part(each.id)
        except NotAJob as error:
            answers.append(_refused_unread(queue, each, sealed) or _parked(queue, each, str(error)))
            continue
        if each.aborted_ms is not None and each.aborted_ms >= job.et:  # an older one meant an earlier job of that id
            answers.append(Report("cancelled", queue, each.id, job.f, unique))
        else:
            readable.append(Readable(each, job, unique))
    return readable, answers


def prepare(queue: str, readable: Iterable[Readable], known: Mapping[str, InForce | None], now_ms: int) -> Intake:
    """
    Decide where each readable job goes.

    Args:
        queue: arq's queue.
        readable: The jobs.
        known: Type → what is in force for it; None when nobody ever announced it.
        now_ms: Server clock.

    """
    intake = Intake()
    for each in readable:
        job, in_force = each.job, known[each.job.f]
        if in_force is not None and in_force.sealed:
            reason = str(RestrictedField(job.f, in_force.sealed, _UNSEALED))
            intake.answers.append(Report("refused", queue, each.due.id, job.f, each.unique, text=reason))
        elif in_force is None and job.a:
            intake.postponed.append(each)
        else:
            try:
                intake.ready.append(_ready(queue, each, in_force, now_ms))
            except (NotAJob, PayloadError) as error:
                intake.answers.append(_parked(queue, each.due, str(error)))
    return intake


def _ready(queue: str, each: Readable, in_force: InForce | None, now_ms: int) -> Ready:
    body = each.job.body(in_force.fields if in_force else ())
    envelope = Envelope(
        body=msgspec.Raw(body),
        version=in_force.payload_version if in_force else 1,
        headers={HEADER: queue},
    )
    equal = exclusion(body, None, in_force=in_force)
    options = Options(
        given=True, expires_ms=_expires_ms(each.due, now_ms), group=group_in_force(in_force, body), exclusion=equal
    )
    version = in_force.version if in_force else 0
    return Ready(each.due, each.job.et, Encoded(each.job.f, each.unique, "", encode_tail(envelope, options), version))


def _expires_ms(due: Due, now_ms: int) -> int | None:
    """How long the job may still be started; None when its producer left arq's own limit, which would lose jobs."""
    if due.left_ms is None or now_ms + due.left_ms > float(due.score) + _ARQ_KEEPS_MS - _CLOCKS_DIFFER_MS:
        return None
    return max(due.left_ms, 1)


def _refused_unread(queue: str, due: Due, sealed: Collection[str]) -> Report | None:
    named = next((name for name in sealed if name.encode() in due.payload), None)
    if named is None:
        return None
    reason = f"unreadable, and it names {named}, which has restricted fields: its payload was deleted"
    return Report("refused", queue, due.id, UNREADABLE, parked_unique(due.id), text=reason)


def _parked(queue: str, due: Due, reason: str) -> Report:
    body = msgspec.json.encode({"arq_id": due.id.decode(errors="replace"), "bytes": due.payload})
    tail = encode_tail(Envelope(body=msgspec.Raw(body)), Options(given=True))
    return Report("parked", queue, due.id, UNREADABLE, parked_unique(due.id), text=f"unreadable: {reason}", data=tail)
