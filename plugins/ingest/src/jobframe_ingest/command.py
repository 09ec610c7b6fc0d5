"""``jobframe documents``: what the corpus holds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

import jobframe
from jobframe_ingest.corpus import Corpus, Document
from jobframe_ingest.settings import IngestSettings

__all__ = ["documents"]

_HEADINGS = ("SOURCE", "URI", "CHUNKS", "TITLE")


@click.command(epilog="Example: jobframe documents --source docs")
@click.option("--source", metavar="NAME", help="Only the documents of this source.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.pass_obj
def documents(invocation: Any, source: str | None, *, as_json: bool) -> None:
    """List the documents in the corpus."""
    settings = jobframe.settings("ingest", IngestSettings, config=invocation.config)
    try:
        with Corpus.open(settings.corpus, create=False) as corpus:
            found, chunks = corpus.documents(source), corpus.chunk_counts()
    except FileNotFoundError:  # nothing was ingested here yet
        found, chunks = [], {}
    if as_json:
        click.echo(json.dumps([_as_json(document, chunks.get(document.id, 0)) for document in found], indent=2))
    elif found:
        _print_table(
            [
                (document.source, document.uri, str(chunks.get(document.id, 0)), document.title)
                for document in found
            ]
        )  # fmt: skip
    else:
        click.echo("The corpus holds no documents" + (f" of source {source}." if source else "."))


def _as_json(document: Document, chunks: int) -> dict[str, object]:
    return {
        "id": document.id, "source": document.source, "uri": document.uri, "version": document.version,
        "title": document.title, "chunks": chunks,
    }  # fmt: skip


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    shown = [_HEADINGS, *(tuple(map(jobframe.printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    for row in shown:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
