"""
Every bundled job type run twice by a real worker: the second run leaves corpus and store as the first one left them.

A job runs at least once, so this is what keeps a crash, a retry and an operator's second try from doing harm.
"""

from __future__ import annotations

from typing import Any

import redis

from jobframe.store.keys import Keys
from jobframe_ingest.corpus import Corpus, document_id
from tests.e2e.deployment import Deployment

BUNDLED = {"jobframe", "jobframe-ingest", "jobframe-reembed", "jobframe-sync"}
TEXT = "# Boats\n\nThe blue boat of {0} is for hire.\n\n## Oars\n\nThe oars of {0} are in the shed.\n"
NOTHING = {"added": 0, "changed": 0, "removed": 0, "unchanged": 0, "skipped": 0}


def twice(deployment: Deployment, type: str, /, **payload: object) -> tuple[Any, Any]:
    """Run a job, then another like it; check that the second changed nothing, and return both results."""
    first = deployment.work(type, **payload)
    deployment.ended()
    contents, others = deployment.contents(), others_than(deployment, type)
    second = deployment.work(type, **payload)
    deployment.ended()

    assert contents == deployment.contents()
    assert others == others_than(deployment, type), "no follow-up, and no other job touched"
    return first, second


def others_than(deployment, type):
    """Return all that is known of the jobs of other types."""
    return [job for job in deployment.listed() if job["type"] != type]


def with_document(deployment, uri):
    """Bring a document of two chunks into the corpus, with its vectors, and return its id."""
    (deployment.docs / uri).write_text(TEXT.format(uri))
    deployment.work("ingest.document", source="docs", root="docs", uri=uri, version=uri)
    deployment.ended()
    return document_id("docs", uri)


def corpus_of(deployment):
    return Corpus.open(f"sqlite:///{deployment.folder}/.jobframe/corpus.db")


def test_every_bundled_type_has_its_test_here(busy):
    types = {each["type"] for each in busy.json("types") if each["distribution"] in BUNDLED}

    assert types
    assert set() == {name for name in types if not any(each.startswith(_test_of(name)) for each in globals())}


def _test_of(type_name):
    return f"test_{type_name.replace('.', '_')}_"


def test_ingest_document_twice_adds_its_chunks_once(busy):
    (busy.docs / "new.md").write_text(TEXT.format("new"))
    first, second = twice(busy, "ingest.document", source="docs", root="docs", uri="new.md", version="1")

    assert {"document_id": document_id("docs", "new.md"), "added": 2, "kept": 0, "removed": 0} == first
    assert {"document_id": document_id("docs", "new.md"), "added": 0, "kept": 2, "removed": 0} == second


def test_ingest_delete_twice_removes_the_document_once(busy):
    wanted = with_document(busy, "old.md")
    first, second = twice(busy, "ingest.delete", document_id=wanted)

    assert [2, 0] == [first["removed"], second["removed"]]
    assert "old.md" not in busy.contents().uris()


def test_ingest_vacuum_twice_leaves_the_corpus_as_it_is(busy):
    with_document(busy, "kept.md")

    assert (None, None) == twice(busy, "ingest.vacuum")
    assert "kept.md" in busy.contents().uris()


def test_reembed_document_twice_embeds_its_chunks_once(busy):
    wanted = with_document(busy, "lost.md")
    before = busy.contents()
    with corpus_of(busy) as corpus:
        assert all(map(corpus.forget_vectors, before.vectors))
    first, second = twice(busy, "reembed.document", document_id=wanted)

    assert [2, 0] == [first["embedded"], second["embedded"]]
    assert before.vectors_of("lost.md") == busy.contents().vectors_of("lost.md")
    busy.work("reembed.collection")


def test_reembed_collection_twice_enqueues_a_job_for_each_document_once(busy):
    with_document(busy, "one.md")
    with_document(busy, "two.md")
    before = busy.contents()
    with corpus_of(busy) as corpus:
        assert all(map(corpus.forget_vectors, before.vectors))
    first, second = twice(busy, "reembed.collection")

    assert [len(before.documents), 0] == [first["enqueued"], second["enqueued"]]
    assert before == busy.contents()


def test_reembed_collection_that_forgets_twice_forgets_once(busy):
    wanted = with_document(busy, "old-model.md")
    before = busy.contents()
    with corpus_of(busy) as corpus:
        chunks = corpus.chunks_without_vectors(wanted, "acme:old:1:2")
        corpus.put_vectors("acme:old:1:2", 2, [(chunk.chunk_id, chunk.text_hash, bytes(8)) for chunk in chunks])
    first, second = twice(busy, "reembed.collection", forget_others=True)

    assert [2, 0] == [first["forgotten"], second["forgotten"]]
    assert before == busy.contents()


def test_sync_source_twice_ingests_what_is_new_once(busy):
    for name in ("a.md", "b.txt"):
        (busy.folder / "more" / name).write_text(TEXT.format(name))
    first, second = twice(busy, "sync.source", source="more")

    assert (NOTHING | {"added": 2}, NOTHING | {"unchanged": 2}) == (first, second)


def test_maintenance_purge_twice_removes_once(busy):
    job_id = busy.json("enqueue", "ingest.delete", "document_id=none", "--delay", "1h")["id"]
    busy.run("cancel", job_id)

    assert ({"removed": 1}, {"removed": 0}) == twice(busy, "maintenance.purge", state="cancelled", type="ingest.delete")


def test_maintenance_doctor_twice_mends_once(busy):
    job_id = busy.json("enqueue", "ingest.delete", "document_id=none", "--delay", "1h")["id"]
    with redis.Redis.from_url(busy.url) as client:
        assert client.hdel(Keys("default").payload("ingest.delete"), job_id.partition(":")[2])
    first, second = twice(busy, "maintenance.doctor", repair=True)

    assert ({"lost": {"jobs": 1, "first": [job_id]}}, {}) == (first["troubles"], second["troubles"])
    assert "failed" == busy.json("show", job_id)["state"]


def test_maintenance_vacuum_twice_trims_once(busy):
    for _ in range(3):
        busy.work("maintenance.doctor")
    _, second = twice(busy, "maintenance.vacuum")

    assert {"removed": 0} == second
    assert 1 == len(busy.listed("--type", "maintenance.doctor"))
