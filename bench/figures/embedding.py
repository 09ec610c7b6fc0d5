"""
Some 10,000 chunks of a fixed, generated corpus, end to end: sync, ingest, re-embed, every vector stored; one worker.

Then once more under ``py-spy record --format raw --full-filenames --rate 100 --nonblocking -- jobframe worker
--burst``, for the shares of the worker's CPU by layer as `bench.layers` attributes them. Without py-spy
(``pip install 'jobframe[bench]'``) there are no shares.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from bench import layers
from bench.deployment import Deployment, deployed, until
from bench.documents import write_documents
from bench.figure import Figure, Run
from bench.server import Server, server
from jobframe_ingest.corpus import Corpus

__all__ = ["FIGURES", "ROUNDS", "measure"]

_WORK = ("parsing", "model", "corpus")
FIGURES = (
    Figure("embedding.rate", "chunks synced, ingested and embedded by one worker", "chunks/s"),
    Figure("embedding.work", "its CPU in parsing, the model and the corpus", "%", "≥ 80"),
    *(Figure(f"embedding.{layer}", f"its CPU: {layer}", "%") for layer in (*layers.LAYERS, layers.FRAMEWORK)),
)
ROUNDS = 1
_PLUGINS = ("jobframe-bench", "jobframe-ingest", "jobframe-reembed", "jobframe-sync")


async def measure(run: Run) -> dict[str, float]:
    """Embed all, then all again under the profiler."""
    documents = run.size(500, 15)
    with server() as one:
        figures = {"embedding.rate": await _rate(one, documents)}
        py_spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
        if py_spy is None:
            return figures
        shares = await _shares(one, documents, py_spy)
    percents = {f"embedding.{layer}": 100 * shares[layer] for layer in (*layers.LAYERS, layers.FRAMEWORK)}
    return figures | percents | {"embedding.work": 100 * sum(shares[layer] for layer in _WORK)}


async def _rate(one: Server, documents: int) -> float:
    async with deployed(one) as deployment:
        _prepare(deployment, documents)
        worker = deployment.start()
        await deployment.joined(1)
        began = time.monotonic()
        await deployment.jobs.enqueue("sync.source", {"source": "docs"})
        await until(lambda: _embedded(deployment, documents), "every document is embedded", worker.check)
        took_s = time.monotonic() - began
        return _chunks(deployment, documents) / took_s


async def _shares(one: Server, documents: int, py_spy: str) -> dict[str, float]:
    async with deployed(one) as deployment:
        _prepare(deployment, documents)
        deployment.announce()
        await deployment.jobs.enqueue("sync.source", {"source": "docs"})
        output = deployment.folder / "profile"
        deployment.start("--burst", before=layers.command(py_spy, str(output))).finish()
        _chunks(deployment, documents)
        loop, process = (_between(deployment.ledger(what)) for what in ("loop", "process"))
        return layers.shares(output.read_text().splitlines(), loop / process)


def _between(readings: list[tuple[int, int]]) -> int:
    """Return what was used between the last worker's start and its end."""
    (_, start), (_, end) = readings[-2:]
    return end - start


def _prepare(deployment: Deployment, documents: int) -> None:
    folder = deployment.folder
    write_documents(folder / "docs", documents)
    settings = (
        f'[settings.ingest]\ncorpus = "sqlite:///{folder}/corpus.db"\n'
        f'[settings.sync.sources.docs]\nurl = "{folder}/docs"\n'
    )
    deployment.configure(plugins=_PLUGINS, more=settings)


def _embedded(deployment: Deployment, documents: int) -> bool:
    """Whether the last job of every document is in the store."""
    redis, keys = deployment.server.redis, deployment.jobs.store.keys
    done = redis.hget(keys.counters("reembed.document"), "completed")
    return int(done or 0) >= documents  # type: ignore[arg-type] # the stub allows an awaitable


def _chunks(deployment: Deployment, documents: int) -> int:
    """Count the chunks, every one of which must have its vector."""
    with Corpus.open(f"sqlite:///{deployment.folder}/corpus.db", create=False) as corpus:
        counts = corpus.counts()
    if counts.documents != documents or list(counts.vectors.values()) != [counts.chunks]:
        raise SystemExit(f"the corpus is not complete: {counts}")
    return counts.chunks
