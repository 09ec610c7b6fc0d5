"""A source and its corpus in step: what is new, changed and gone, as commands show it and as the corpus holds it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.deployment import Deployment

SAMPLE = Path(__file__).parents[2] / "examples" / "docs"
URIS = {str(path.relative_to(SAMPLE)) for path in SAMPLE.rglob("*.*")}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A deployment that has ingested the sample documents, and whose worker has ended since."""
    deployment = Deployment(tmp_path_factory.mktemp("sample") / "here")
    shutil.copytree(SAMPLE, deployment.docs, dirs_exist_ok=True)
    with deployment.up():
        deployment.ended()
    return deployment


def write(deployment, **sections):
    """Write documents of two sections each."""
    for name, text in sections.items():
        (deployment.docs / f"{name}.md").write_text(f"# About {name}\n\nOf {name} much is said.\n\n## More\n\n{text}\n")


def test_search_finds_by_meaning_and_by_word_with_no_server_running(sample):
    by_meaning = sample.json("search", "price seat child")[0]
    by_word = sample.json("search", "Tarn")[0]

    assert {"uri", "score", "text", "source", "title"} == by_meaning.keys()
    assert "children under twelve travel free" in by_meaning["text"]
    assert {"price", "seat", "child"}.isdisjoint(by_meaning["text"].lower().split())
    assert "Tarn" in by_word["text"]
    assert [1, 3] == [len(sample.json("search", "tide", "--limit", limit)) for limit in ("1", "3")]


def test_documents_lists_what_the_corpus_holds(sample):
    listed = sample.json("documents")

    assert URIS == {document["uri"] for document in listed}
    assert all(document["chunks"] > 0 and document["title"] for document in listed)
    assert listed == sample.json("documents", "--source", "docs")
    assert [] == sample.json("documents", "--source", "more")
    shown = sample.run("documents").stdout
    assert all(uri in shown for uri in URIS)


def test_a_sync_tells_how_many_documents_are_new_changed_gone_and_neither(deployment):
    write(deployment, kept="It stays.", changed="It was.", gone="It goes.")
    with deployment.up():
        deployment.ended()
        write(deployment, changed="It is.", new="It comes.")
        (deployment.docs / "gone.md").unlink()
        (deployment.docs / "picture.png").touch()

        assert "docs: 1 added, 1 changed, 1 removed, 1 unchanged, 1 skipped\n" == deployment.run("sync", "docs").stdout
        deployment.ended()
        assert "docs: 0 added, 0 changed, 0 removed, 3 unchanged, 1 skipped\n" == deployment.run("sync", "docs").stdout
    assert {"kept.md", "changed.md", "new.md"} == deployment.contents().uris()


def test_a_dry_run_tells_the_same_and_changes_nothing(deployment):
    write(deployment, one="It stays.")
    told = deployment.run("sync", "docs", "--dry-run").stdout
    assert "+ one.md\ndocs: 1 added, 0 changed, 0 removed, 0 unchanged, 0 skipped\n" == told
    assert not (deployment.folder / ".jobframe").exists(), "not even a corpus is made, and no server is needed"

    with deployment.up():
        deployment.ended()
    before = deployment.contents()
    write(deployment, one="It changes.", two="It comes.")
    told = deployment.run("sync", "docs", "--dry-run").stdout
    assert "+ two.md\n~ one.md\ndocs: 1 added, 1 changed, 0 removed, 0 unchanged, 0 skipped\n" == told
    assert ["one.md"] == deployment.json("sync", "docs", "--dry-run")["uris"]["changed"]
    assert before == deployment.contents()


def test_a_removed_document_can_no_longer_be_found(deployment):
    write(deployment, harbour="The xylophone is played at noon.", attic="Nothing is there.")
    with deployment.up():
        deployment.ended()
        assert "harbour.md" == deployment.json("search", "xylophone")[0]["uri"]
        (deployment.docs / "harbour.md").unlink()
        deployment.run("sync", "docs")
        deployment.ended()

        assert {"attic.md"} == {hit["uri"] for hit in deployment.json("search", "xylophone played at noon")}
        assert ["attic.md"] == [document["uri"] for document in deployment.json("documents")]
    contents = deployment.contents()
    ((_, vectors),) = contents.vectors.items()
    assert {chunk for chunk, *_ in contents.chunks} == vectors.keys(), "no vector is left behind"


def test_a_changed_document_has_only_its_changed_chunks_embedded_anew(deployment):
    write(deployment, lamp="It burns oil.", bell="It rings.")
    with deployment.up():
        deployment.ended()
        before = deployment.contents()
        write(deployment, lamp="It burns electric light.")
        deployment.run("sync", "docs")
        deployment.ended()

        assert [1, 2, 2] == [result["embedded"] for result in deployment.results("reembed.document")]
    after = deployment.contents()
    ((first, second),) = before.vectors_of("lamp.md").values()
    ((same, other),) = after.vectors_of("lamp.md").values()
    assert (first, second) == (same, second) != (same, other)
    assert before.vectors_of("bell.md") == after.vectors_of("bell.md")


def test_a_sync_that_would_empty_the_corpus_is_refused(deployment):
    deployment.configure(max_delete=0.3)
    write(deployment, one="1", two="2")
    with deployment.up():
        deployment.ended()
        shutil.rmtree(deployment.docs)
        deployment.docs.mkdir()
        said = deployment.run("sync", "docs", code=1).stderr

        assert "2 of 2 documents are gone, more than max_delete = 0.3 allows" in said
    assert {"one.md", "two.md"} == deployment.contents().uris()
