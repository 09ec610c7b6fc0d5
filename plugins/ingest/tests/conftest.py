"""A corpus of its own for each test, and a stand-in for the context that a worker would give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

import jobframe
from jobframe_ingest.corpus import Corpus
from jobframe_ingest.settings import IngestSettings


class Context:
    """The parts of `jobframe.Context` that the handlers use; remembers what they enqueue."""

    def __init__(self, *resources: object) -> None:
        self.app = jobframe.App()
        for resource in resources:
            self.app.provide(resource)
        self.resource = self.app.resource
        self.log = structlog.get_logger("ingest.document")
        self.enqueued: list[tuple[str, dict]] = []
        self.refuse: Exception | None = None

    def enqueue(self, type: str, payload: dict) -> str:
        if self.refuse:
            raise self.refuse
        self.enqueued.append((type, payload))
        return f"{type}:1"


@pytest.fixture
def corpus_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/corpus.db"


@pytest.fixture
def corpus(corpus_url: str) -> Iterator[Corpus]:
    with Corpus.open(corpus_url) as corpus:
        yield corpus


@pytest.fixture
def ctx(corpus: Corpus) -> Context:
    return Context(corpus, IngestSettings(max_bytes="100KB"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a source."""
    root = tmp_path / "source"
    root.mkdir()
    return root
