"""The corpus: what is kept, what goes, and who wins when two write at once."""

import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import apsw
import pytest

from jobframe_ingest.corpus import Change, Chunk, Corpus, Counts, Document, document_id

MODEL = "test:model:1:2"
NAME = document_id("docs", "a.md")
DOCUMENT = Document(NAME, "docs", "a.md", "v1", "hash", "A")


def chunks(*texts: str) -> list[Chunk]:
    made, offset = [], 0
    for text in texts:
        made.append(Chunk(offset, offset + len(text), text))
        offset += len(text) + 2
    return made


def vector(*numbers: float) -> bytes:
    return struct.pack(f"<{len(numbers)}f", *numbers)


def embed(corpus: Corpus, numbers: dict[str, tuple[float, float]], name: str = NAME) -> int:
    pending = corpus.chunks_without_vectors(name, MODEL)
    made = [(chunk.chunk_id, chunk.text_hash, vector(*numbers[chunk.text])) for chunk in pending]
    return corpus.put_vectors(MODEL, 2, made)


def test_document_ids_are_stable_and_tell_source_from_uri():
    assert document_id("docs", "a.md") == NAME
    assert len({NAME, document_id("doc", "sa.md"), document_id("docs", "b.md"), document_id("other", "a.md")}) == 4


def test_a_new_document_adds_its_chunks(corpus):
    change = corpus.put_document(DOCUMENT, chunks("light", "fog"))

    assert len(change.added) == 2
    assert (change.kept, change.removed) == ((), ())
    assert corpus.document(NAME).uri == "a.md"
    assert Counts(documents=1, chunks=2, vectors={}) == corpus.counts()


def test_a_changed_document_keeps_the_chunks_that_did_not_change_and_their_vectors(corpus):
    corpus.put_document(DOCUMENT, chunks("light", "fog", "tide"))
    embed(corpus, {"light": (1, 0), "fog": (0, 1), "tide": (1, 1)})

    change = corpus.put_document(DOCUMENT, chunks("new first", "light", "tide"))

    assert (len(change.added), len(change.kept), len(change.removed)) == (1, 2, 1)
    assert [chunk.text for chunk in corpus.chunks_without_vectors(NAME, MODEL)] == ["new first"]
    assert corpus.counts().vectors == {MODEL: 2}
    assert [hit.text for hit in corpus.nearest(MODEL, vector(1, 0))] == ["light", "tide"]


def test_the_same_document_again_changes_nothing(corpus):
    first = corpus.put_document(DOCUMENT, chunks("light", "fog", "light"))
    before = corpus.document(NAME)

    again = corpus.put_document(DOCUMENT, chunks("light", "fog", "light"))

    assert Change(kept=first.added) == again
    assert before == corpus.document(NAME)


def test_a_text_that_stands_twice_in_a_document_is_two_chunks(corpus):
    change = corpus.put_document(DOCUMENT, chunks("same", "same", "same"))

    assert len(set(change.added)) == 3
    assert len(corpus.put_document(DOCUMENT, chunks("same", "same")).kept) == 2


def test_a_writer_that_saw_an_older_revision_writes_nothing(corpus):
    assert corpus.put_document(DOCUMENT, chunks("first"), seen=0) is not None
    seen = corpus.document(NAME).revision
    newer = Document(NAME, "docs", "a.md", "v2", "other hash", "A")
    assert corpus.put_document(newer, chunks("second"), seen=seen) is not None

    assert corpus.put_document(DOCUMENT, chunks("late"), seen=seen) is None
    assert corpus.put_document(DOCUMENT, chunks("late"), seen=0) is None
    assert corpus.document(NAME).version == "v2"
    assert [hit.text for hit in corpus.words("second late")] == ["second"]


def test_a_deleted_document_takes_chunks_vectors_and_words_with_it(corpus):
    other = Document(document_id("docs", "b.md"), "docs", "b.md")
    corpus.put_document(DOCUMENT, chunks("light", "fog"))
    corpus.put_document(other, chunks("light"))
    embed(corpus, {"light": (1, 0), "fog": (0, 1)})
    embed(corpus, {"light": (1, 0)}, other.id)

    assert len(corpus.delete_document(NAME).removed) == 2

    assert corpus.document(NAME) is None
    assert Counts(documents=1, chunks=1, vectors={MODEL: 1}) == corpus.counts()
    assert corpus.words("fog") == []
    assert [other.id] == [hit.document_id for hit in corpus.nearest(MODEL, vector(0, 1))]
    assert Change() == corpus.delete_document(NAME)


def test_a_deletion_meant_for_another_version_removes_nothing(corpus):
    corpus.put_document(DOCUMENT, chunks("light"))

    assert Change() == corpus.delete_document(NAME, version="v0")
    assert len(corpus.delete_document(NAME, version="v1").removed) == 1


def test_documents_are_listed_by_source(corpus):
    for source, uri in (("docs", "b.md"), ("docs", "a.md"), ("wiki", "a.md")):
        corpus.put_document(Document(document_id(source, uri), source, uri), chunks("x"))

    assert [(found.source, found.uri) for found in corpus.documents("docs")] == [("docs", "a.md"), ("docs", "b.md")]
    assert len(corpus.documents()) == 3
    assert list(corpus.chunk_counts().values()) == [1, 1, 1]


def test_a_vector_is_not_written_for_a_chunk_that_is_gone_or_has_another_text(corpus):
    corpus.put_document(DOCUMENT, chunks("light", "fog"))
    light, fog = corpus.chunks_without_vectors(NAME, MODEL)
    corpus.put_document(DOCUMENT, chunks("fog"))

    late = [(light.chunk_id, light.text_hash, vector(1, 0)), (fog.chunk_id, light.text_hash, vector(1, 0))]

    assert corpus.put_vectors(MODEL, 2, late) == 0
    assert corpus.put_vectors(MODEL, 2, [(fog.chunk_id, fog.text_hash, vector(0, 1))]) == 1


def test_a_vector_written_again_replaces_the_first(corpus):
    corpus.put_document(DOCUMENT, chunks("light"))
    (light,) = corpus.chunks_without_vectors(NAME, MODEL)
    for numbers in ((1, 0), (0, 1), (0, 1)):
        assert corpus.put_vectors(MODEL, 2, [(light.chunk_id, light.text_hash, vector(*numbers))]) == 1

    (hit,) = corpus.nearest(MODEL, vector(0, 1))
    assert pytest.approx(1.0) == hit.score
    assert corpus.counts().vectors == {MODEL: 1}


def test_models_with_vectors_of_different_length_live_side_by_side(corpus):
    corpus.put_document(DOCUMENT, chunks("light"))
    embed(corpus, {"light": (1, 0)})
    (light,) = corpus.chunks_without_vectors(NAME, "other:3")

    assert corpus.stale_documents("other:3") == [NAME]
    assert corpus.put_vectors("other:3", 3, [(light.chunk_id, light.text_hash, vector(1, 0, 0))]) == 1
    assert corpus.stale_documents("other:3") == []
    assert corpus.forget_vectors(MODEL) == 1
    assert corpus.counts().vectors == {"other:3": 1}
    assert corpus.nearest(MODEL, vector(1, 0)) == []
    assert corpus.forget_vectors(MODEL) == 0


def test_a_vector_of_the_wrong_length_is_refused_and_nothing_of_its_call_is_kept(corpus):
    corpus.put_document(DOCUMENT, chunks("light", "fog"))
    light, fog = corpus.chunks_without_vectors(NAME, MODEL)

    with pytest.raises(ValueError, match="12 bytes"):
        corpus.put_vectors(
            MODEL, 2, [(light.chunk_id, light.text_hash, vector(1, 0)), (fog.chunk_id, fog.text_hash, vector(1, 0, 0))]
        )
    assert corpus.counts().vectors == {}
    embed(corpus, {"light": (1, 0), "fog": (0, 1)})
    with pytest.raises(ValueError, match="not 3"):
        corpus.put_vectors(MODEL, 3, [])


def test_lacking_vectors_are_those_of_every_model(corpus):
    assert not corpus.lacks_vectors(NAME)
    corpus.put_document(DOCUMENT, chunks("light", "fog"))
    assert corpus.lacks_vectors(NAME)
    embed(corpus, {"light": (1, 0), "fog": (0, 1)})
    assert not corpus.lacks_vectors(NAME)
    corpus.put_document(DOCUMENT, chunks("light", "fog", "tide"))
    assert corpus.lacks_vectors(NAME)


def test_stale_documents_come_in_pages(corpus):
    names = sorted(document_id("docs", str(number)) for number in range(5))
    for number in range(5):
        corpus.put_document(Document(document_id("docs", str(number)), "docs", str(number)), chunks("a", "b"))

    assert names[:3] == corpus.stale_documents(MODEL, limit=3)
    assert names[3:] == corpus.stale_documents(MODEL, after=names[2], limit=3)


def test_the_nearest_chunk_comes_first_and_a_vector_of_zeros_is_like_nothing(corpus):
    corpus.put_document(DOCUMENT, chunks("light", "fog", "nothing"))
    embed(corpus, {"light": (1, 0), "fog": (0.6, 0.8), "nothing": (0, 0)})

    hits = corpus.nearest(MODEL, vector(2, 0), limit=3)

    assert [hit.text for hit in hits] == ["light", "fog", "nothing"]
    assert pytest.approx([1.0, 0.6, 0.0], abs=1e-6) == [hit.score for hit in hits]
    assert len(corpus.nearest(MODEL, vector(2, 0), limit=1)) == 1


@pytest.mark.parametrize("query", ['fog" OR "', "fog AND", "NEAR(fog)", "fog*", "text:fog", "-fog", "FOG!", "fóg"])
def test_words_takes_any_text_for_a_query(corpus, query):
    corpus.put_document(DOCUMENT, chunks("the fog horn sounds", "the lens is cleaned"))

    assert [hit.text for hit in corpus.words(query)] == ["the fog horn sounds"]


@pytest.mark.parametrize("query", ["", "  ", '"', "*", "()", "absent"])
def test_words_without_a_match_finds_nothing(corpus, query):
    corpus.put_document(DOCUMENT, chunks("the fog horn sounds"))

    assert corpus.words(query) == []


def test_vacuum_gives_the_space_of_removed_documents_back(corpus, corpus_url):
    file = Path(corpus_url.removeprefix("sqlite:///"))
    corpus.put_document(DOCUMENT, chunks(*(f"{number} " + "long text " * 100 for number in range(500))))
    corpus.vacuum()
    full = file.stat().st_size
    corpus.delete_document(NAME)

    corpus.vacuum()

    assert file.stat().st_size < full / 4


def test_threads_and_other_openers_write_at_once_without_losing_anything(corpus, corpus_url):
    """A second `Corpus` on the file is what another process would be."""
    started = threading.Barrier(8, timeout=20)
    with Corpus.open(corpus_url) as other, ThreadPoolExecutor(8) as threads:

        def write(worker: int) -> None:
            mine = corpus if worker % 2 else other
            started.wait()
            for number in range(10):
                uri = f"{worker}/{number}"
                name = document_id("docs", uri)
                mine.put_document(Document(name, "docs", uri), chunks("light", f"only {uri}"))
                embed(mine, {"light": (1, 0), f"only {uri}": (0, 1)}, name)

        for done in [threads.submit(write, worker) for worker in range(8)]:
            done.result(timeout=50)

    assert Counts(documents=80, chunks=160, vectors={MODEL: 160}) == corpus.counts()


def test_what_was_written_is_there_when_it_is_opened_again(corpus_url):
    with Corpus.open(corpus_url) as corpus:
        corpus.put_document(DOCUMENT, chunks("light"))
        embed(corpus, {"light": (1, 0)})
    with Corpus.open(corpus_url, create=False) as corpus:
        assert [hit.text for hit in corpus.nearest(MODEL, vector(1, 0))] == ["light"]


def test_a_missing_corpus_is_not_made_for_a_reader(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing was ingested yet"):
        Corpus.open(f"sqlite:///{tmp_path}/none.db", create=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "url", ["postgresql://user:secret@host/db", "corpus.db", "sqlite://", "sqlite:///:memory:", ""]
)
def test_other_urls_are_refused_without_showing_them(url):
    with pytest.raises(ValueError, match=r'"sqlite:///relative/path\.db"') as refusal:
        Corpus.open(url)
    assert "secret" not in str(refusal.value)


def test_a_corpus_of_a_newer_version_is_refused(corpus, corpus_url):
    corpus.close()
    connection = apsw.Connection(corpus_url.removeprefix("sqlite:///"))
    connection.pragma("user_version", 99)
    connection.close()
    with pytest.raises(ValueError, match="newer"):
        Corpus.open(corpus_url)
