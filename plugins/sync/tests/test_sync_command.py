"""``jobframe sync``."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from jobframe_ingest.corpus import Chunk, Document, document_id
from jobframe_sync.command import sync


@pytest.fixture
def run(tmp_path, folder):
    """Run the command with a jobs.toml whose source is the folder."""
    config = tmp_path / "jobs.toml"
    corpus, source = f'corpus = "sqlite:///{tmp_path}/corpus.db"', f'url = "{folder}"'
    config.write_text(f"[settings.ingest]\n{corpus}\n[settings.sync.sources.docs]\n{source}\n")
    return lambda *words: CliRunner().invoke(sync, words, obj=SimpleNamespace(config=config))


@pytest.fixture
def held(corpus):
    """Make the corpus hold a document of the given uri in an old version."""

    def held(uri):
        corpus.put_document(Document(document_id("docs", uri), "docs", uri, "old"), [Chunk(0, 1, "x")])

    return held


def test_a_dry_run_before_there_is_a_corpus_plans_to_add_everything_and_makes_none(run, tmp_path):
    result = run("docs", "--dry-run")

    assert 0 == result.exit_code
    assert ["+ 0.md", "docs: 10 added, 0 changed, 0 removed, 0 unchanged, 0 skipped"] == result.output.splitlines()[
        ::10
    ]
    assert not (tmp_path / "corpus.db").exists()


def test_a_dry_run_prints_what_would_change_and_changes_nothing(run, held, corpus, folder):
    for uri in ("0.md", "1.md", "2.md", "gone\x1b.md"):
        held(uri)
    for number in range(3, 10):
        (folder / f"{number}.md").unlink()
    result = run("docs", "--dry-run")

    assert [
        "~ 0.md", "~ 1.md", "~ 2.md", "- gone\N{REPLACEMENT CHARACTER}.md",
        "docs: 0 added, 3 changed, 1 removed, 0 unchanged, 0 skipped",
    ] == result.output.splitlines()  # fmt: skip
    assert 0 == result.exit_code
    assert 4 == len(corpus.documents())


def test_a_dry_run_of_too_many_deletions_says_that_it_would_be_refused(run, held):
    held("gone.md")
    result = run("docs", "--dry-run")

    assert 1 == result.exit_code
    assert "1 of 1 documents are gone, more than max_delete = 0.3 allows" in result.output


def test_a_dry_run_as_json_names_every_uri(run, held):
    held("1.md")
    result = json.loads(run("docs", "--dry-run", "--json").output)

    assert ("docs", None, 9, 1) == (result["source"], result["refused"], result["added"], result["changed"])
    assert ["1.md"] == result["uris"]["changed"]


def test_an_unknown_source_is_wrong_usage_and_names_the_known_ones(run):
    result = run("dosc")

    assert 2 == result.exit_code
    assert "no source 'dosc'" in result.output
    assert "it names: docs" in result.output
