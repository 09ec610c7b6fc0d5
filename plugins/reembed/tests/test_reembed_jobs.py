"""The two job types, on a real corpus and the real model."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest

from jobframe import Fail, Job, Retry
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


async def test_a_new_document_gets_a_vector_for_each_chunk(corpus, put, context, reembed):
    document = put("a.md", "one text", "another text")

    assert {"embedded": 2, "outdated": 0} == await reembed(await context(), document)
    assert {FINGERPRINT: 2} == corpus.counts().vectors


async def test_only_the_changed_chunk_is_embedded_again(put, recorded, reembed):
    ctx, recorder = recorded
    put("a.md", "stays", "goes")
    await reembed(ctx, document_id("docs", "a.md"))
    put("a.md", "stays", "comes")

    assert {"embedded": 1, "outdated": 0} == await reembed(ctx, document_id("docs", "a.md"))
    assert ["comes"] == recorder.given[-1]


async def test_running_twice_embeds_nothing_and_leaves_the_same_corpus(corpus, put, recorded, reembed):
    ctx, recorder = recorded
    document = put("a.md", "one text")
    await reembed(ctx, document)
    before = corpus.counts()

    assert {"embedded": 0, "outdated": 0} == await reembed(ctx, document)
    assert [["one text"]] == recorder.given
    assert before == corpus.counts()


async def test_another_model_embeds_everything_again(corpus, put, context, recorded, reembed):
    document = put("a.md", "one text")
    await reembed(await context(), document)
    ctx, recorder = recorded

    assert {"embedded": 1, "outdated": 0} == await reembed(ctx, document)
    assert {FINGERPRINT: 1, recorder.fingerprint: 1} == corpus.counts().vectors


async def test_a_late_job_writes_no_vector_for_text_that_is_gone(corpus, put, recorded, reembed):
    ctx, recorder = recorded
    document = put("a.md", "old text", "kept text")
    recorder.meanwhile = lambda: put("a.md", "new text", "kept text")

    assert {"embedded": 2, "outdated": 1} == await reembed(ctx, document)
    assert ["new text"] == [chunk.text for chunk in corpus.chunks_without_vectors(document, recorder.fingerprint)]


async def test_texts_are_embedded_in_groups_of_the_set_size(put, recorded, reembed):
    ctx, recorder = recorded
    document = put("a.md", "1", "2", "3", "4", "5")
    await reembed(ctx, document)

    assert [["1", "2"], ["3", "4"], ["5"]] == recorder.given


async def test_a_document_that_is_gone_needs_nothing(recorded, reembed):
    ctx, recorder = recorded

    assert {"embedded": 0, "outdated": 0} == await reembed(ctx, "no-such-document")
    assert [] == recorder.given


class Counted:
    """The real model, whose calls are counted; it refuses texts that say so, as an endpoint may."""

    def __init__(self, model):
        self.model = model
        self.fingerprint = model.fingerprint
        self.dim = model.dim
        self.given = []

    async def embed(self, texts):
        self.given.append(list(texts))
        for text in texts:
            if text in REFUSALS:
                raise REFUSALS[text]
        return await self.model.embed(texts)


REFUSALS = {"too long": Fail("too long"), "busy": Retry("1m"), "away": ConnectionError("away")}


@pytest.fixture
async def counted(context):
    """A function that runs the handler with several documents, and the model that it used."""
    ctx = await context(ReembedSettings(batch=4))
    model = Counted(await ctx.resource(Model).embedder())
    ctx.resource(Model)._embedder = model

    async def run(*documents):
        return await reembed_document([Job(Reembed(document), ctx) for document in documents])

    return run, model


async def test_the_texts_of_several_documents_are_embedded_in_one_call(corpus, put, counted):
    run, model = counted
    documents = put("a.md", "one text"), "no-such-document", put("b.md", "two", "texts")

    one, none, two = await run(*documents)
    assert [["one text", "two", "texts"]] == model.given
    assert [1, 0, 2] == [result["embedded"] for result in (one, none, two)]
    assert {FINGERPRINT: 3} == corpus.counts().vectors


async def test_documents_with_more_texts_than_one_call_takes_share_the_calls(put, counted):
    run, model = counted
    results = await run(put("a.md", "1", "2", "3"), put("b.md", "4", "5", "6"))

    assert [["1", "2", "3", "4"], ["5", "6"]] == model.given
    assert [{"embedded": 3, "outdated": 0}] * 2 == results


async def test_a_document_that_the_model_refuses_fails_alone(corpus, put, counted):
    run, _ = counted
    before, refused, after = await run(put("a.md", "fine"), put("b.md", "too long"), put("c.md", "fine too"))

    assert [{"embedded": 1, "outdated": 0}] * 2 == [before, after]
    assert refused is REFUSALS["too long"]
    assert {FINGERPRINT: 2} == corpus.counts().vectors


@pytest.mark.parametrize("text", ["busy", "away"])
async def test_a_model_that_is_busy_or_away_is_asked_once_and_what_is_done_stays(corpus, put, counted, text):
    run, model = counted
    done, *left = await run(
        put("a.md", "1", "2", "3", "4"), put("b.md", text), put("c.md", "5"), put("d.md", *"6789"), "no-such-document"
    )

    assert {"embedded": 4, "outdated": 0} == done
    assert [REFUSALS[text]] * 3 + [{"embedded": 0, "outdated": 0}] == left
    assert 2 == len(model.given)
    assert {FINGERPRINT: 4} == corpus.counts().vectors


@pytest.mark.parametrize("verb", ["chunks_without_vectors", "put_vectors"])
async def test_a_document_that_cannot_be_read_or_written_fails_alone(corpus, put, counted, monkeypatch, verb):
    run, _ = counted
    documents = put("a.md", "one"), put("b.md", "other")
    real, calls, broken = getattr(corpus, verb), [], ValueError("broken")

    def first_breaks(*args):
        calls.append(args)
        if len(calls) == 1:
            raise broken
        return real(*args)

    monkeypatch.setattr(type(corpus), verb, lambda _, *args: first_breaks(*args))
    assert [broken, {"embedded": 1, "outdated": 0}] == await run(*documents)


async def test_a_collection_enqueues_only_the_documents_that_lack_vectors(put, recorded, reembed):
    ctx, _ = recorded
    done, *stale = (put(f"{number}.md", f"text {number}") for number in range(4))
    await reembed(ctx, done)

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


async def test_other_models_are_forgotten_once_nothing_needs_them(corpus, put, context, recorded, reembed):
    document = put("a.md", "text")
    await reembed(await context(), document)
    ctx, recorder = recorded
    with pytest.raises(Fail, match="still lack vectors"):
        await reembed_collection(ctx, ReembedCollection(forget_others=True))
    await reembed(ctx, document)

    assert {"enqueued": 0, "forgotten": 1} == await reembed_collection(ctx, ReembedCollection(forget_others=True))
    assert {recorder.fingerprint: 1} == corpus.counts().vectors
