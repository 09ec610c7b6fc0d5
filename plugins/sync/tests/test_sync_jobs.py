"""The job type, on a real folder and a real corpus."""

from __future__ import annotations

import os

import pytest

from jobframe import Fail
from jobframe.core.ids import check_unique
from jobframe_ingest.corpus import Document, document_id
from jobframe_ingest.jobs import IngestDelete, IngestDocument
from jobframe_sync.jobs import SyncSource, start_jobs, sync_source
from jobframe_sync.listing import ListingError
from jobframe_sync.settings import SourceSettings, SyncSettings


def counts(**some):
    return dict.fromkeys(("added", "changed", "removed", "unchanged", "skipped"), 0) | some


async def sync(context, source="docs", job_id="sync.source:1"):
    context.job_id = job_id
    return await sync_source(context, SyncSource(source))


def uris(corpus, source="docs"):
    return [document.uri for document in corpus.documents(source)]


async def test_a_first_sync_ingests_every_document(context, queue, work, corpus, folder):
    assert counts(added=10) == await sync(context)
    assert {("ingest.document", str(folder))} == {(job.type, job.payload["root"]) for job in queue.waiting}

    work()
    assert [f"{number}.md" for number in range(10)] == uris(corpus)


async def test_only_differences_are_enqueued(context, queue, work, folder):
    await sync(context)
    work()
    (folder / "1.md").write_text("changed document")
    (folder / "2.md").unlink()
    (folder / "new.md").write_text("new document")
    (folder / "picture.png").write_bytes(b"")

    assert counts(added=1, changed=1, removed=1, unchanged=8, skipped=1) == await sync(context, job_id="sync.source:2")
    assert ["1.md", "new.md"] == sorted(job.payload["uri"] for job in queue.waiting if job.type == "ingest.document")
    assert [document_id("docs", "2.md")] == [
        job.payload["document_id"] for job in queue.waiting if job.type == "ingest.delete"
    ]


async def test_syncing_twice_leaves_the_same_corpus_and_enqueues_nothing_more(context, queue, work, corpus):
    await sync(context)
    work()
    before = corpus.documents()

    assert counts(unchanged=10) == await sync(context, job_id="sync.source:2")
    assert [] == queue.waiting
    assert before == corpus.documents()


async def test_a_sync_while_the_ingests_of_another_wait_queues_nothing_twice(context, queue):
    await sync(context)
    await sync(context, job_id="sync.source:2")

    assert 10 == len(queue.waiting)


async def test_an_attempt_after_a_crash_enqueues_nothing_twice(context, queue):
    await sync(context)
    done, queue.waiting = queue.waiting, []
    await sync(context)

    assert 10 == len(done)
    assert [] == queue.waiting


async def test_a_document_whose_ingest_failed_is_ingested_by_the_next_sync(context, queue, work, corpus):
    await sync(context)
    work("3.md")

    assert counts(added=1, unchanged=9) == await sync(context, job_id="sync.source:2")
    assert ["3.md"] == [job.payload["uri"] for job in queue.waiting]

    work()
    assert 10 == len(uris(corpus))


async def test_a_document_that_goes_back_to_an_old_version_is_ingested_again(context, queue, work, corpus, folder):
    def write(text):
        (folder / "1.md").write_text(text)
        os.utime(folder / "1.md", (0, len(text)))

    versions = []
    for number, text in enumerate(["old", "newer", "old"]):
        write(text)
        await sync(context, job_id=f"sync.source:{number}")
        work()
        versions.append(corpus.document(document_id("docs", "1.md")).version)

    assert versions[0] == versions[2] != versions[1]


async def test_a_removed_document_disappears(context, work, corpus, folder):
    await sync(context)
    work()
    (folder / "4.md").unlink()
    await sync(context, job_id="sync.source:2")
    work()

    assert "4.md" not in uris(corpus)


async def test_more_deletions_than_allowed_are_refused_and_change_nothing(context, queue, work, corpus, folder):
    await sync(context)
    work()
    for number in range(4):
        (folder / f"{number}.md").unlink()
    (folder / "new.md").write_text("new")
    with pytest.raises(Fail, match=r"source docs: 4 of 10 documents are gone, more than max_delete = 0\.3 allows"):
        await sync(context, job_id="sync.source:2")

    assert [] == queue.waiting
    assert 10 == len(uris(corpus))


async def test_as_many_deletions_as_allowed_are_done(context, work, corpus, folder):
    await sync(context)
    work()
    for number in range(3):
        (folder / f"{number}.md").unlink()

    assert counts(removed=3, unchanged=7) == await sync(context, job_id="sync.source:2")


async def test_a_source_that_cannot_be_listed_deletes_nothing(context, queue, work, corpus, folder):
    await sync(context)
    work()
    folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(ListingError):
        await sync(context, job_id="sync.source:2")

    assert [] == queue.waiting
    assert 10 == len(uris(corpus))


async def test_documents_of_another_source_are_left_alone(context, work, corpus):
    corpus.put_document(Document(document_id("other", "x.md"), "other", "x.md", "1"), [])
    await sync(context)
    work()

    assert ["x.md"] == uris(corpus, "other")


async def test_a_source_that_is_not_configured_fails_at_once(context):
    with pytest.raises(Fail, match=r"add its table \[settings\.sync\.sources\.<name>\]"):
        await sync(context, source="nosuch")


async def test_payloads_and_ids_are_such_as_the_ingest_plugin_and_the_store_accept(context, queue, work, folder):
    (folder / ("very long name " * 10 + "ü.md")).write_text("x")
    await sync(context)
    documents = list(queue.waiting)
    work()
    (folder / "1.md").unlink()
    await sync(context, job_id="sync.source:" + "x" * 128)
    [deletion] = queue.waiting

    assert all(IngestDocument(**job.payload) for job in documents)
    assert IngestDelete(document_id("docs", "1.md"), deletion.payload["version"]) == IngestDelete(**deletion.payload)
    assert all(check_unique(job.id) for job in [*documents, deletion])


def test_one_job_for_each_source_is_made_for_the_start():
    settings = SyncSettings({"a": SourceSettings("x"), "b": SourceSettings("y")})

    assert [(SyncSource("a"), "a"), (SyncSource("b"), "b")] == [(job.payload, job.key) for job in start_jobs(settings)]


def test_no_job_is_made_without_sources():
    assert [] == start_jobs(SyncSettings())
