"""``jobframe search``: ask the corpus by meaning and by word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import click

from jobframe import Fail, Retry, printable, settings
from jobframe_ingest.corpus import Corpus
from jobframe_ingest.settings import IngestSettings
from jobframe_reembed.embedder import Embedder, Model
from jobframe_reembed.finder import Finding, find
from jobframe_reembed.settings import ReembedSettings

__all__ = ["search"]

SHOWN = 240
"""Characters of each finding that a person is shown; ``--json`` has all."""

PATIENCE_S = 20.0
"""How long an endpoint may take before the search goes on with words alone."""


@click.command(epilog='Example: jobframe search "how do I get my money back" --limit 3')
@click.argument("words", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True, help="Most findings.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of uri, score, text, source and title.")
@click.pass_obj
def search(invocation: Any, words: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    """Find the pieces of documents that answer WORDS, by meaning and by word, best first."""
    query = " ".join(words).strip()
    if not query:
        raise click.UsageError("give a question or a few words")
    findings = asyncio.run(_search(invocation.config, query, limit))
    if as_json:
        click.echo(json.dumps([attrs.asdict(finding) for finding in findings], indent=2, ensure_ascii=False))
    else:
        _print(findings)


async def _search(config: Path | None, query: str, limit: int) -> list[Finding]:
    model_settings = settings("reembed", ReembedSettings, config=config)
    with _open(settings("ingest", IngestSettings, config=config).corpus) as corpus:
        counts = corpus.counts()
        if not counts.documents:
            raise click.ClickException("the corpus is empty: fill it with `jobframe up` or `jobframe sync SOURCE`")
        async with Model(model_settings) as model:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    embedder = await model.embedder()
                    _warn_of_missing_vectors(embedder, counts.vectors.get(embedder.fingerprint, 0), counts.chunks)
                    return await find(corpus, embedder, query, limit)
            except (Retry, Fail, OSError) as error:  # OSError: unreachable, or too slow
                reason = str(error) or "the embedding model does not answer"
                click.echo(f"found by word only: {reason}", err=True)
        return await find(corpus, None, query, limit)


def _open(url: str) -> Corpus:
    try:
        return Corpus.open(url, create=False)
    except FileNotFoundError:
        message = "there is no corpus yet: fill it with `jobframe up` or `jobframe sync SOURCE`"
        raise click.ClickException(message) from None


def _warn_of_missing_vectors(embedder: Embedder, embedded: int, chunks: int) -> None:
    if embedded < chunks:
        missing = f"{chunks - embedded} of {chunks} pieces have no vector of {embedder.fingerprint} yet"
        click.echo(f"{missing} and are found by word only; `jobframe enqueue reembed.collection` makes them", err=True)


def _print(findings: Sequence[Finding]) -> None:
    if not findings:
        click.echo("Nothing found.")
    for place, finding in enumerate(findings, start=1):
        click.echo(f"{place}. {click.style(printable(finding.uri), bold=True)}  {finding.score:.4f}")
        click.echo(f"   {printable(_shortened(finding.text))}")


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 1].rstrip()}…"
