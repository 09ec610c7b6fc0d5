"""Searches the corpus by meaning and by word."""

from __future__ import annotations

import asyncio

import attrs

from jobframe_ingest.corpus import Corpus, Hit
from jobframe_reembed.embedder import Embedder
from jobframe_reembed.fusion import fuse
from jobframe_reembed.wording import telling_words

__all__ = ["Finding", "find"]

DEPTH = 50
"""How far down each ranking is read at least: a chunk that both know must be seen in both."""


@attrs.frozen
class Finding:
    """
    A piece of a document that answers a question.

    Attributes:
        source: The document's source.
        uri: The document's place in it.
        title: The document's title.
        text: The piece.
        score: Sum of reciprocal ranks; only its order means anything.

    """

    source: str
    uri: str
    title: str
    text: str
    score: float


async def find(corpus: Corpus, embedder: Embedder | None, query: str, limit: int) -> list[Finding]:
    """
    Find the *limit* chunks that answer *query*, best first.

    Args:
        corpus: Where to look.
        embedder: Model of the vectors to compare with; None looks for words only.
        query: A question or a few words.
        limit: Most findings.

    """
    depth = max(DEPTH, limit)
    rankings: list[list[Hit]] = []
    if embedder is not None:
        [vector] = await embedder.embed([query])
        rankings.append(await asyncio.to_thread(corpus.nearest, embedder.fingerprint, vector, depth))
    rankings.append(await asyncio.to_thread(corpus.words, telling_words(query), depth))
    hits: dict[str, Hit] = {hit.chunk_id: hit for ranking in rankings for hit in ranking}
    fused = fuse([[hit.chunk_id for hit in ranking] for ranking in rankings])
    return [_finding(hits[chunk_id], score) for chunk_id, score in fused[:limit]]


def _finding(hit: Hit, score: float) -> Finding:
    return Finding(hit.source, hit.uri, hit.title, hit.text, score)
