"""The job types, called as the runtime would: they may run twice, fail for good, or ask for another attempt."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import jobframe
from jobframe_ingest.corpus import Corpus, Document, document_id
from jobframe_ingest.fetch import Unreachable
from jobframe_ingest.jobs import IngestDelete, IngestDocument, delete, document, vacuum
from jobframe_ingest.settings import IngestSettings

NAME = document_id("docs", "a.md")
TEXT = "# Lamp\n\nThe lamp is lit at sunset.\n\n# Fog\n\nThe horn sounds twice."


def ingest(ctx, root, uri="a.md", version="v1"):
    return document(ctx, IngestDocument("docs", str(root), uri, version))


def contents(corpus: Corpus) -> tuple:
    pending = corpus.chunks_without_vectors(NAME, "none")
    return corpus.documents(), corpus.counts(), pending


def embed_all(corpus: Corpus) -> None:
    pending = corpus.chunks_without_vectors(NAME, "model")
    corpus.put_vectors("model", 1, [(chunk.chunk_id, chunk.text_hash, b"\0\0\x80\x3f") for chunk in pending])


def test_a_document_comes_into_the_corpus_and_asks_to_be_embedded(ctx, corpus, root):
    (root / "a.md").write_text(TEXT)

    result = ingest(ctx, root)

    assert result == {"document_id": NAME, "added": 2, "kept": 0, "removed": 0}
    (stored,) = corpus.documents("docs")
    assert (stored.uri, stored.version, stored.title) == ("a.md", "v1", "Lamp")
    assert [hit.text for hit in corpus.words("horn")] == ["Fog\nThe horn sounds twice."]
    assert ctx.enqueued == [("reembed.document", {"document_id": NAME})]


def test_ingesting_twice_leaves_the_same_corpus(ctx, corpus, root):
    (root / "a.md").write_text(TEXT)
    ingest(ctx, root)
    before = contents(corpus)

    assert ingest(ctx, root) == {"document_id": NAME, "added": 0, "kept": 2, "removed": 0}
    assert before == contents(corpus)


async def test_vacuum_gives_the_space_of_what_was_deleted_back(ctx, corpus, corpus_url, root):
    (root / "a.md").write_text("\n\n".join(f"# Part {number}\n\n{'long text ' * 50}" for number in range(180)))
    ingest(ctx, root)
    await vacuum(ctx)
    file = Path(corpus_url.removeprefix("sqlite:///"))
    full = file.stat().st_size
    delete(ctx, IngestDelete(NAME))

    await vacuum(ctx)

    assert file.stat().st_size < full / 2


def test_deleting_twice_leaves_the_same_corpus(ctx, corpus, root):
    (root / "a.md").write_text(TEXT)
    (root / "b.md").write_text("# Other\n\ntext")
    ingest(ctx, root)
    ingest(ctx, root, "b.md")

    assert delete(ctx, IngestDelete(NAME, "v1")) == {"document_id": NAME, "removed": 2}
    before = contents(corpus)
    assert delete(ctx, IngestDelete(NAME, "v1")) == {"document_id": NAME, "removed": 0}
    assert before == contents(corpus)
    assert [found.uri for found in corpus.documents()] == ["b.md"]


def test_a_deletion_of_a_version_that_was_replaced_meanwhile_does_nothing(ctx, corpus, root):
    (root / "a.md").write_text(TEXT)
    ingest(ctx, root, version="v2")

    assert delete(ctx, IngestDelete(NAME, "v1"))["removed"] == 0
    assert delete(ctx, IngestDelete(NAME))["removed"] == 2


def test_missing_vectors_are_asked_for_also_when_the_text_is_unchanged(ctx, corpus, root):
    (root / "a.md").write_text(TEXT)
    ingest(ctx, root)
    ingest(ctx, root)
    assert len(ctx.enqueued) == 2

    embed_all(corpus)
    ingest(ctx, root)

    assert len(ctx.enqueued) == 2


def test_a_changed_document_has_only_its_changed_chunks_to_embed(ctx, corpus, root):
    (root / "a.md").write_text(TEXT)
    ingest(ctx, root)
    embed_all(corpus)
    (root / "a.md").write_text(TEXT.replace("twice", "once"))

    assert ingest(ctx, root, version="v2") == {"document_id": NAME, "added": 1, "kept": 1, "removed": 1}
    assert [chunk.text for chunk in corpus.chunks_without_vectors(NAME, "model")] == ["Fog\nThe horn sounds once."]
    assert corpus.document(NAME).version == "v2"


def test_a_deployment_without_a_plugin_that_embeds_ingests_all_the_same(ctx, corpus, root):
    (root / "a.md").write_text(TEXT)
    ctx.refuse = jobframe.UnknownJobType("reembed.document")

    assert ingest(ctx, root)["added"] == 2


def test_another_trouble_with_the_follow_up_is_not_swallowed(ctx, root):
    (root / "a.md").write_text(TEXT)
    ctx.refuse = jobframe.StoreUnavailable("gone")
    with pytest.raises(jobframe.StoreUnavailable):
        ingest(ctx, root)


BAD = {
    "missing": (None, "does not exist"),
    "empty": (b"", "empty"),
    "binary": (bytes(range(256)), "binary"),
    "too large": (b"text " * 30_000, r"over ingest\.max_bytes"),
    "broken PDF": (b"%PDF-1.4 but only so", "PDF is broken"),
    "wrong encoding": (b"Klabauterm\xe4nner \xc3\xa9", "not UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_document_fails_at_once_with_a_reason_and_what_was_there_stays(ctx, corpus, root, name):
    data, reason = BAD[name]
    (root / "a.md").write_text(TEXT)
    ingest(ctx, root)
    before = contents(corpus)
    (root / "a.md").unlink() if data is None else (root / "a.md").write_bytes(data)

    with pytest.raises(jobframe.Fail) as failure:
        ingest(ctx, root, version="v2")

    assert failure.match(reason)
    assert "Klabauter" not in failure.value.reason
    assert before == contents(corpus)


def test_a_source_that_does_not_answer_is_worth_another_attempt(ctx, unused_tcp_port):
    ctx.app.provide(IngestSettings(private_addresses=True))
    with pytest.raises(Unreachable):
        ingest(ctx, f"http://127.0.0.1:{unused_tcp_port}")


def test_the_text_of_a_writer_that_came_in_between_is_not_overwritten_with_older_text(ctx, corpus, root, monkeypatch):
    """The first look at the file finds the old text; before it is written, another job writes the new one."""
    (root / "a.md").write_text("# Lamp\n\nold")
    fetched: list[bytes] = []

    def fetch(*_: object, **__: object) -> bytes:
        fetched.append((root / "a.md").read_bytes())
        if len(fetched) == 1:
            (root / "a.md").write_text("# Lamp\n\nnew")
            corpus.put_document(Document(NAME, "docs", "a.md", "v2", "hash"), [])
        return fetched[-1]

    monkeypatch.setattr("jobframe_ingest.fetch.fetch", fetch)
    ingest(ctx, root)

    assert [chunk.text for chunk in corpus.chunks_without_vectors(NAME, "none")] == ["Lamp\nnew"]


def test_a_document_that_others_keep_writing_is_tried_again_later(ctx, corpus, root, monkeypatch):
    versions = iter(range(100))

    def fetch(*_: object, **__: object) -> bytes:
        corpus.put_document(Document(NAME, "docs", "a.md", str(next(versions))), [])
        return b"text"

    monkeypatch.setattr("jobframe_ingest.fetch.fetch", fetch)
    with pytest.raises(jobframe.Retry, match="keep writing"):
        ingest(ctx, root)


def test_no_more_than_two_documents_are_parsed_at_once(ctx, root, monkeypatch):
    (root / "a.md").write_text(TEXT)
    both, enough = threading.Barrier(3, timeout=20), threading.Event()
    inside = []

    def extract(data: bytes, uri: str) -> None:
        inside.append(uri)
        if len(inside) <= 2:
            both.wait()
            enough.wait(20)
        raise RuntimeError

    monkeypatch.setattr("jobframe_ingest.jobs.extract", extract)
    with ThreadPoolExecutor(5) as threads:
        runs = [threads.submit(ingest, ctx, root) for _ in range(5)]
        both.wait()
        assert len(inside) == 2
        enough.set()

    assert len(inside) == 5
    assert all(isinstance(run.exception(), RuntimeError) for run in runs)
