"""The job type that brings the corpus into step with one source, and the jobs that do so at the start."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator

import attrs

from jobframe import Context, Fail, NewJob, job
from jobframe_ingest.corpus import Corpus, document_id
from jobframe_ingest.kinds import is_readable
from jobframe_sync.listing import Listing, list_source
from jobframe_sync.plan import Plan, compare
from jobframe_sync.settings import SourceSettings, SyncSettings

__all__ = ["SyncSource", "examine", "refusal", "start_jobs", "sync_source"]


@attrs.frozen
class SyncSource:
    """
    Bring the corpus into step with one source.

    Attributes:
        source: Its name under ``[settings.sync.sources]``.

    """

    source: str


@job("sync.source", timeout="30m")
async def sync_source(ctx: Context, payload: SyncSource) -> dict[str, int]:
    """
    List the source, compare versions with the corpus, and enqueue an ingest or a delete for each difference.

    Nothing is remembered here: the versions that the ingests write, each with its text, are the cursor. So whatever was
    not ingested, for whatever reason, is different still and is enqueued by the next sync.

    Returns:
        How many documents were ``added``, ``changed``, ``removed``, ``unchanged``, and how many files were ``skipped``.

    Raises:
        Fail: The source is not configured, or more documents than ``max_delete`` allows have gone from it.
        ListingError: It could not be listed to its end; nothing was enqueued.

    """
    name = payload.source
    source = ctx.resource(SyncSettings).sources.get(name)
    if source is None:
        raise Fail("no such source: add its table [settings.sync.sources.<name>] to jobs.toml and restart the workers")
    plan, listing = await asyncio.to_thread(examine, ctx.resource(Corpus), name, source)
    if reason := refusal(plan, source):
        raise Fail(f"source {name}: {reason}")
    await ctx.jobs.enqueue_many(list(_jobs(name, source, plan, ctx.job_id)))
    return {**plan.counts(), "skipped": listing.skipped}


def examine(corpus: Corpus | None, name: str, source: SourceSettings) -> tuple[Plan, Listing]:
    """
    Compare a source with the corpus (None holds nothing); blocks.

    Raises:
        ListingError: The source could not be listed to its end.

    """
    listing = list_source(name, source, is_readable)
    held = {} if corpus is None else {each.uri: each.version for each in corpus.documents(name)}
    return compare(listing.versions, held), listing


def refusal(plan: Plan, source: SourceSettings) -> str | None:
    """Say why *plan* must not be carried out; None when it may."""
    if plan.removed_share <= source.max_delete:
        return None
    return (
        f"{len(plan.removed)} of {plan.held} documents are gone, more than max_delete = {source.max_delete:g} allows; "
        "nothing was changed; if they are gone for good, raise max_delete for one sync"
    )


def start_jobs(settings: SyncSettings) -> list[NewJob]:
    """Make one job per configured source; none is queued twice at a time."""
    return [NewJob(sync_source, SyncSource(name), key=name) for name in settings.sources]


def _jobs(name: str, source: SourceSettings, plan: Plan, parent: str) -> Iterator[NewJob]:
    """
    Make a job for each difference, with an id made of the document, its version and this sync.

    This sync's own id in it lets an attempt after a crash enqueue nothing twice, and lets a later sync try again what
    failed, or what went back to a version of before. Two syncs do not queue the same version of a document twice at a
    time: that is what the key is for.
    """
    for uri, version in (plan.added | plan.changed).items():
        key = f"{document_id(name, uri)}.{_short(version)}"
        payload = {"source": name, "root": source.url, "uri": uri, "version": version}
        yield NewJob("ingest.document", payload, id=f"{key}.{_short(parent)}", key=key)
    for uri, version in plan.removed.items():
        key = f"{document_id(name, uri)}.{_short(version)}"
        payload = {"document_id": document_id(name, uri), "version": version}
        yield NewJob("ingest.delete", payload, id=f"{key}.{_short(parent)}", key=key)


def _short(text: str) -> str:
    """Make any text fit into a job id: 16 hex digits, always the same ones."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
