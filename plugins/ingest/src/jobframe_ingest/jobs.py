"""The job types: a document comes into the corpus, or leaves it; and the corpus gives back the space of those gone."""

from __future__ import annotations

import asyncio
import hashlib
import threading

import attrs

import jobframe
from jobframe_ingest.chunking import split
from jobframe_ingest.corpus import Change, Corpus, Document, document_id
from jobframe_ingest.extract import extract
from jobframe_ingest.records import Chunk
from jobframe_ingest.refusal import Refused
from jobframe_ingest.settings import IngestSettings

__all__ = ["IngestDelete", "IngestDocument", "delete", "document", "vacuum"]

_MOST_ROUNDS = 5
_parsing = threading.BoundedSemaphore(2)  # parsers hold the interpreter: more at once only slow the worker's loop


@attrs.frozen
class IngestDocument:
    """
    Which document to bring into the corpus.

    Attributes:
        source: Name of its source.
        root: Where the source is: any fsspec URL, or a local folder.
        uri: The document's place below *root*, with ``/``.
        version: What the source calls this version; kept for the next comparison.

    """

    source: str
    root: str
    uri: str
    version: str = ""


@attrs.frozen
class IngestDelete:
    """
    Which document to remove.

    Attributes:
        document_id: As in the corpus.
        version: Remove it only while the corpus holds this version; empty removes any.

    """

    document_id: str
    version: str = ""


@jobframe.job("ingest.document", timeout="5m", max_retries=5)
def document(ctx: jobframe.Context, payload: IngestDocument) -> dict[str, object]:
    """Fetch a document, keep its text in the corpus, and have it embedded where vectors are missing."""
    corpus, settings = ctx.resource(Corpus), ctx.resource(IngestSettings)
    name = document_id(payload.source, payload.uri)
    change = _ingest(corpus, settings, name, payload)
    if corpus.lacks_vectors(name):
        _follow_up(ctx, name)
    return {
        "document_id": name, "added": len(change.added), "kept": len(change.kept), "removed": len(change.removed),
    }  # fmt: skip


@jobframe.job("ingest.delete", timeout="1m", max_retries=5)
def delete(ctx: jobframe.Context, payload: IngestDelete) -> dict[str, object]:
    """Remove a document with its chunks, vectors and words."""
    corpus = ctx.resource(Corpus)
    removed = corpus.delete_document(payload.document_id, version=payload.version or None).removed
    return {"document_id": payload.document_id, "removed": len(removed)}


@jobframe.job("ingest.vacuum", timeout="1h", concurrency=1)
async def vacuum(ctx: jobframe.Context) -> None:
    """Give the space of removed documents back to the disk; other writers wait meanwhile."""
    await asyncio.to_thread(ctx.resource(Corpus).vacuum)


def _ingest(corpus: Corpus, settings: IngestSettings, name: str, payload: IngestDocument) -> Change:
    """Fetch and write; begin again when another writer came in between, lest this one put older text over newer."""
    from jobframe_ingest.fetch import fetch  # noqa: PLC0415 - aiohttp and fsspec take longer than a worker's start

    for _ in range(_MOST_ROUNDS):
        stored = corpus.document(name)
        try:
            data = fetch(payload.root, payload.uri, settings.most_bytes, private_addresses=settings.private_addresses)
            title, chunks = _parsed(data, payload.uri)
        except Refused as refusal:
            raise jobframe.Fail(str(refusal)) from None
        found = Document(name, payload.source, payload.uri, payload.version, _hash(data), title or payload.uri)
        change = corpus.put_document(found, chunks, seen=stored.revision if stored else 0)
        if change is not None:
            return change
    raise jobframe.Retry(reason="other jobs keep writing this document")


def _parsed(data: bytes, uri: str) -> tuple[str, list[Chunk]]:
    with _parsing:
        extracted = extract(data, uri)
        return extracted.title, split(extracted.sections)


def _follow_up(ctx: jobframe.Context, name: str) -> None:
    try:
        ctx.enqueue("reembed.document", {"document_id": name})
    except jobframe.UnknownJobType:
        ctx.log.info("no plugin that embeds was ever started here: the document can be found by its words only")


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
