"""Vectors for several documents at once: one call of the model for the texts of all, one end for each document."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import attrs

from jobframe import Retry
from jobframe_ingest.corpus import Corpus, PendingChunk
from jobframe_reembed.embedder import Embedder

__all__ = ["embed_documents"]


@attrs.define(eq=False)
class _Document:
    """What one document needs and how far it is; *error* is why it gets no further."""

    id: str
    pending: list[PendingChunk] = attrs.field(factory=list)
    written: int = 0
    error: Exception | None = None

    def end(self) -> dict[str, int] | Exception:
        return self.error or {"embedded": len(self.pending), "outdated": len(self.pending) - self.written}


_Part = tuple[_Document, PendingChunk]


async def embed_documents(
    corpus: Corpus, embedder: Embedder, ids: Sequence[str], at_once: int
) -> list[dict[str, int] | Exception]:
    """
    Embed the chunks of several documents that have no vector of this model.

    What is embedded is written before the model is called again, so a run that is cut short has not worked in vain.

    Args:
        corpus: Where the documents are.
        embedder: The model.
        ids: The documents.
        at_once: Most texts in one call of the model.

    Returns:
        For each document its counts ``embedded`` and ``outdated``, or why it failed: a document that cannot be read,
        embedded or written harms no other.

    """
    documents = [_Document(document_id) for document_id in ids]
    await asyncio.to_thread(_read, corpus, embedder, documents)
    parts = [(document, chunk) for document in documents for chunk in document.pending]
    for start in range(0, len(parts), at_once):
        try:
            await _embed(corpus, embedder, parts[start : start + at_once])
        except (Retry, OSError) as error:  # the model is busy or away: what is left has to come back
            for document, _ in parts[start:]:
                document.error = document.error or error
            break
    return [document.end() for document in documents]


async def _embed(corpus: Corpus, embedder: Embedder, parts: Sequence[_Part]) -> None:
    """Embed and write *parts*; when the model refuses them together, one document after the other."""
    parts = [part for part in parts if part[0].error is None]
    documents = list(dict.fromkeys(document for document, _ in parts))
    if not parts:
        return
    try:
        vectors = await embedder.embed([chunk.text for _, chunk in parts])
    except (Retry, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - any refusal may be meant for one document only
        if len(documents) == 1:
            documents[0].error = error
            return
        for document in documents:
            await _embed(corpus, embedder, [part for part in parts if part[0] is document])
    else:
        await asyncio.to_thread(_write, corpus, embedder, parts, vectors)


def _read(corpus: Corpus, embedder: Embedder, documents: Sequence[_Document]) -> None:
    for document in documents:
        try:
            document.pending = corpus.chunks_without_vectors(document.id, embedder.fingerprint)
        except Exception as error:  # noqa: BLE001 - it is this document's own end
            document.error = error


def _write(corpus: Corpus, embedder: Embedder, parts: Sequence[_Part], vectors: Sequence[bytes]) -> None:
    rows: dict[_Document, list[tuple[str, str, bytes]]] = {}
    for (document, chunk), vector in zip(parts, vectors, strict=True):
        rows.setdefault(document, []).append((chunk.chunk_id, chunk.text_hash, vector))
    for document, made in rows.items():
        try:
            document.written += corpus.put_vectors(embedder.fingerprint, embedder.dim, made)
        except Exception as error:  # noqa: BLE001 - it is this document's own end
            document.error = error
