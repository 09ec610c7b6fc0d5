"""The job types: vectors of documents, and the fan-out over every document that lacks the model's vectors."""

from __future__ import annotations

import asyncio
import hashlib

import attrs

from jobframe import Context, Fail, Job, NewJob, job
from jobframe_ingest.corpus import Corpus
from jobframe_reembed.embedder import Model
from jobframe_reembed.embedding import embed_documents
from jobframe_reembed.settings import ReembedSettings

__all__ = ["Reembed", "ReembedCollection", "reembed_collection", "reembed_document"]

PAGE = 500
"""Documents per page of the fan-out: the jobs of one page are enqueued together."""


@attrs.frozen
class Reembed:
    """
    Recompute the vectors of one document.

    Attributes:
        document_id: Its id in the corpus.

    """

    document_id: str


@attrs.frozen
class ReembedCollection:
    """
    Bring every document to the model of the settings.

    Attributes:
        forget_others: When no document needs it any more, remove the vectors of all other models instead.

    """

    forget_others: bool = False


@job("reembed.document", batch=32, timeout="5m")
async def reembed_document(jobs: list[Job[Reembed]]) -> list[dict[str, int] | Exception]:
    """
    Embed the documents' chunks that have no vector of this model: new texts, changed texts, or a new model.

    The texts of all documents go to the model together. Vectors are written only while their chunk still has the text
    they were made from, so running twice, or late, changes nothing: whoever changed the text has enqueued a job of its
    own. A document that is gone needs nothing.

    Returns:
        For each document how many chunks were ``embedded`` now, and how many of those were ``outdated`` by a change
        meanwhile; or why it failed, which harms no other.

    """
    ctx = jobs[0].ctx  # the resources of one are those of all
    embedder = await ctx.resource(Model).embedder()
    documents = [each.payload.document_id for each in jobs]
    return await embed_documents(ctx.resource(Corpus), embedder, documents, ctx.resource(ReembedSettings).batch)


@job("reembed.collection", timeout="1h")
async def reembed_collection(ctx: Context, payload: ReembedCollection) -> dict[str, int]:
    """
    Enqueue `reembed_document` for every document that lacks vectors of this model.

    Run it after changing the model. The ids carry this job's own, so that an attempt after a crash enqueues nothing
    twice; the key keeps one document from waiting twice for the same model, whoever asked.

    Returns:
        How many documents were ``enqueued``, and how many vectors of other models were ``forgotten``.

    Raises:
        Fail: Other models are to be forgotten while documents still lack this one's vectors.

    """
    corpus = ctx.resource(Corpus)
    fingerprint = (await ctx.resource(Model).embedder()).fingerprint
    if payload.forget_others:
        return {"enqueued": 0, "forgotten": await asyncio.to_thread(_forget_others, corpus, fingerprint)}
    enqueued, last = 0, ""
    while page := await asyncio.to_thread(corpus.stale_documents, fingerprint, after=last, limit=PAGE):
        await ctx.jobs.enqueue_many([_job(document_id, fingerprint, ctx.job_id) for document_id in page])
        enqueued, last = enqueued + len(page), page[-1]
    return {"enqueued": enqueued, "forgotten": 0}


def _job(document_id: str, fingerprint: str, parent: str) -> NewJob:
    key = f"{document_id}.{_short(fingerprint)}"
    return NewJob(reembed_document, Reembed(document_id), id=f"{key}.{_short(parent)}", key=key)


def _forget_others(corpus: Corpus, fingerprint: str) -> int:
    if corpus.stale_documents(fingerprint, limit=1):
        raise Fail("documents still lack vectors of this model: run reembed.collection without forget_others first")
    others = corpus.counts().vectors.keys() - {fingerprint}
    return sum(corpus.forget_vectors(other) for other in sorted(others))


def _short(text: str) -> str:
    """Make any text fit into a job id: 16 hex digits, always the same ones."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
