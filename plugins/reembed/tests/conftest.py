"""A corpus in a temporary folder, and a stand-in for the context that the runtime gives a handler."""

from __future__ import annotations

import pytest

from jobframe import App, Job
from jobframe_ingest.corpus import Chunk, Corpus, Document, document_id
from jobframe_reembed.embedder import Model
from jobframe_reembed.jobs import Reembed, reembed_document
from jobframe_reembed.settings import ReembedSettings


class Queue:
    """Keeps what a handler enqueued; an id or a key that is there already adds nothing."""

    def __init__(self):
        self.jobs = {}

    async def enqueue_many(self, jobs):
        for job in jobs:
            if job.key is None or job.key not in {other.key for other in self.jobs.values()}:
                self.jobs.setdefault(job.id, job)


class StandInContext:
    """What a handler of this plugin uses of its context."""

    def __init__(self, app, job_id="reembed.test:1"):
        self.job_id = job_id
        self.jobs = Queue()
        self.resource = app.resource


@pytest.fixture
def corpus(tmp_path):
    with Corpus.open(f"sqlite:///{tmp_path}/corpus.db") as corpus:
        yield corpus


@pytest.fixture
def put(corpus):
    """Write a document of the given texts, one chunk each, and return its id."""

    def put(uri, *texts):
        document = Document(document_id("docs", uri), "docs", uri, version=repr(texts))
        corpus.put_document(document, [Chunk(0, len(text), text) for text in texts])
        return document.id

    return put


@pytest.fixture
async def context(corpus):
    """A function that makes a context whose model has the given settings."""
    models = []

    async def context(settings=None, job_id="reembed.test:1"):
        settings = settings or ReembedSettings()
        app = App()
        models.append(await Model(settings).__aenter__())
        for resource in (corpus, settings, models[-1]):
            app.provide(resource)
        return StandInContext(app, job_id)

    yield context
    for model in models:
        await model.__aexit__(None, None, None)


@pytest.fixture
def reembed():
    """Run the handler with the job of one document and return that job's result."""

    async def reembed(ctx, document):
        (result,) = await reembed_document([Job(Reembed(document), ctx)])
        return result

    return reembed
