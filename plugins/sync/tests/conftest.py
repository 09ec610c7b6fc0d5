"""A source folder, a corpus, and a stand-in for the context that the runtime gives a handler."""

from __future__ import annotations

import pytest

from jobframe import App
from jobframe_ingest.corpus import Chunk, Corpus, Document, document_id
from jobframe_sync.settings import SourceSettings, SyncSettings


class Queue:
    """Keeps what a handler enqueued; an id that was ever used, or the key of a job not yet done, adds nothing."""

    def __init__(self):
        self.waiting = []
        self.ids = set()

    async def enqueue_many(self, jobs):
        for job in jobs:
            if (job.type, job.id) not in self.ids and (job.type, job.key) not in {
                (j.type, j.key) for j in self.waiting
            }:
                self.ids.add((job.type, job.id))
                self.waiting.append(job)


class StandInContext:
    """What the handler of this plugin uses of its context."""

    def __init__(self, app, jobs):
        self.job_id = "sync.source:1"
        self.jobs = jobs
        self.resource = app.resource


@pytest.fixture
def corpus(tmp_path):
    with Corpus.open(f"sqlite:///{tmp_path}/corpus.db") as corpus:
        yield corpus


@pytest.fixture
def queue():
    return Queue()


@pytest.fixture
def work(corpus, queue):
    """Do what is queued as the ingest plugin would; what is named in *failing* ends as a dead letter instead."""

    def work(*failing):
        for job in queue.waiting:
            payload = job.payload
            if job.type == "ingest.delete":
                corpus.delete_document(payload["document_id"], version=payload["version"])
            elif payload["uri"] not in failing:
                name = document_id(payload["source"], payload["uri"])
                text = payload["version"]
                document = Document(name, payload["source"], payload["uri"], payload["version"])
                corpus.put_document(document, [Chunk(0, len(text), text)])
        queue.waiting.clear()

    return work


@pytest.fixture
def folder(tmp_path):
    """A source of ten documents."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.md").write_text(f"document {number}")
    return folder


@pytest.fixture
def context(corpus, queue, folder):
    app = App()
    app.provide(corpus)
    app.provide(SyncSettings({"docs": SourceSettings(str(folder)), "other": SourceSettings("memory://other")}))
    return StandInContext(app, queue)
