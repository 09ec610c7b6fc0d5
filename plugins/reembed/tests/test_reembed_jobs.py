"""The two job types, on a real corpus and the real model."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from jobframe import Fail
from jobframe_ingest.corpus import document_id
from jobframe_reembed.embedder import Model
from jobframe_reembed.jobs import Reembed, ReembedCollection, reembed_collection, reembed_document
from jobframe_reembed.settings import ReembedSettings

FINGERPRINT = "wordllama:l2_supercat:0.4.0.post1:256"


@attrs.define
class Recorder:
    """A model of two numbers that remembers what it was given, and may do something while it computes."""

    fingerprint: str = "test:recorder:1:2"
    dim: int = 2
    given: list = attrs.field(factory=list)
    meanwhile: Callable[[], object] | None = None

    async def embed(self, texts):
        self.given.append(list(texts))
        if self.meanwhile:
            self.meanwhile()
        return [bytes(8) for _ in texts]


@pytest.fixture
async def recorded(context):
    """A context whose model is a `Recorder`, and the recorder."""
    recorder = Recorder()
    ctx = await context(ReembedSettings(batch=2))
    ctx.resource(Model)._embedder = recorder
    return ctx, recorder


async def test_a_new_document_gets_a_vector_for_each_chunk(corpus, put, context):
    document = put("a.md", "one text", "another text")

    assert {"embedded": 2, "outdated": 0} == await reembed_document(await context(), Reembed(document))
    assert {FINGERPRINT: 2} == corpus.counts().vectors


async def test_only_the_changed_chunk_is_embedded_again(put, recorded):
    ctx, recorder = recorded
    put("a.md", "stays", "goes")
    await reembed_document(ctx, Reembed(document_id("docs", "a.md")))
    put("a.md", "stays", "comes")

    assert {"embedded": 1, "outdated": 0} == await reembed_document(ctx, Reembed(document_id("docs", "a.md")))
    assert ["comes"] == recorder.given[-1]


async def test_running_twice_embeds_nothing_and_leaves_the_same_corpus(corpus, put, recorded):
    ctx, recorder = recorded
    document = put("a.md", "one text")
    await reembed_document(ctx, Reembed(document))
    before = corpus.counts()

    assert {"embedded": 0, "outdated": 0} == await reembed_document(ctx, Reembed(document))
    assert [["one text"]] == recorder.given
    assert before == corpus.counts()


async def test_another_model_embeds_everything_again(corpus, put, context, recorded):
    document = put("a.md", "one text")
    await reembed_document(await context(), Reembed(document))
    ctx, recorder = recorded

    assert {"embedded": 1, "outdated": 0} == await reembed_document(ctx, Reembed(document))
    assert {FINGERPRINT: 1, recorder.fingerprint: 1} == corpus.counts().vectors


async def test_a_late_job_writes_no_vector_for_text_that_is_gone(corpus, put, recorded):
    ctx, recorder = recorded
    document = put("a.md", "old text", "kept text")
    recorder.meanwhile = lambda: put("a.md", "new text", "kept text")

    assert {"embedded": 2, "outdated": 1} == await reembed_document(ctx, Reembed(document))
    assert ["new text"] == [chunk.text for chunk in corpus.chunks_without_vectors(document, recorder.fingerprint)]


async def test_texts_are_embedded_in_groups_of_the_set_size(put, recorded):
    ctx, recorder = recorded
    document = put("a.md", "1", "2", "3", "4", "5")
    await reembed_document(ctx, Reembed(document))

    assert [["1", "2"], ["3", "4"], ["5"]] == recorder.given


async def test_a_document_that_is_gone_needs_nothing(recorded):
    ctx, recorder = recorded

    assert {"embedded": 0, "outdated": 0} == await reembed_document(ctx, Reembed("no-such-document"))
    assert [] == recorder.given


async def test_a_collection_enqueues_only_the_documents_that_lack_vectors(put, recorded):
    ctx, _ = recorded
    done, *stale = (put(f"{number}.md", f"text {number}") for number in range(4))
    await reembed_document(ctx, Reembed(done))

    assert {"enqueued": 3, "forgotten": 0} == await reembed_collection(ctx, ReembedCollection())
    assert set(stale) == {job.payload.document_id for job in ctx.jobs.jobs.values()}


async def test_a_collection_larger_than_a_page_is_enqueued_whole(put, recorded, monkeypatch):
    monkeypatch.setattr("jobframe_reembed.jobs.PAGE", 2)
    ctx, _ = recorded
    documents = {put(f"{number}.md", "text") for number in range(5)}
    await reembed_collection(ctx, ReembedCollection())

    assert documents == {job.payload.document_id for job in ctx.jobs.jobs.values()}


async def test_a_collection_attempted_twice_enqueues_nothing_twice(put, recorded):
    ctx, _ = recorded
    put("a.md", "text")
    await reembed_collection(ctx, ReembedCollection())
    first = dict(ctx.jobs.jobs)
    await reembed_collection(ctx, ReembedCollection())

    assert first == ctx.jobs.jobs


async def test_a_later_collection_uses_new_ids_so_that_a_failed_document_is_tried_again(put, recorded):
    ctx, _ = recorded
    put("a.md", "text")
    await reembed_collection(ctx, ReembedCollection())
    [first] = ctx.jobs.jobs.values()
    ctx.jobs.jobs.clear()
    ctx.job_id = "reembed.collection:later"
    await reembed_collection(ctx, ReembedCollection())
    [second] = ctx.jobs.jobs.values()

    assert first.key == second.key
    assert first.id != second.id


async def test_other_models_are_forgotten_once_nothing_needs_them(corpus, put, context, recorded):
    document = put("a.md", "text")
    await reembed_document(await context(), Reembed(document))
    ctx, recorder = recorded
    with pytest.raises(Fail, match="still lack vectors"):
        await reembed_collection(ctx, ReembedCollection(forget_others=True))
    await reembed_document(ctx, Reembed(document))

    assert {"enqueued": 0, "forgotten": 1} == await reembed_collection(ctx, ReembedCollection(forget_others=True))
    assert {recorder.fingerprint: 1} == corpus.counts().vectors
