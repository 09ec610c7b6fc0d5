"""``jobframe documents``."""

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from jobframe_ingest.command import documents
from jobframe_ingest.corpus import Chunk, Document, document_id


@pytest.fixture
def run(tmp_path, corpus_url):
    config = tmp_path / "jobs.toml"
    config.write_text(f'[settings.ingest]\ncorpus = "{corpus_url}"\n')

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(documents, arguments, obj=SimpleNamespace(config=config), catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    return run


@pytest.fixture
def filled(corpus):
    for source, uri, title in (("docs", "lamp.md", "The lamp"), ("wiki", "fog\x1b.md", "Fog")):
        corpus.put_document(Document(document_id(source, uri), source, uri, "v1", "h", title), [Chunk(0, 4, "text")])


def test_documents_are_listed_as_a_table(run, filled):
    assert run().splitlines() == [
        "SOURCE  URI      CHUNKS  TITLE",
        "docs    lamp.md  1       The lamp",
        "wiki    fog\N{REPLACEMENT CHARACTER}.md  1       Fog",
    ]


def test_documents_are_listed_as_json(run, filled):
    assert [
        {
            "id": document_id("docs", "lamp.md"),
            "source": "docs",
            "uri": "lamp.md",
            "version": "v1",
            "title": "The lamp",
            "chunks": 1,
        }
    ] == json.loads(run("--json", "--source", "docs"))


def test_an_empty_corpus_says_so(run, corpus):
    assert run("--source", "x") == "The corpus holds no documents of source x.\n"
    assert json.loads(run("--json")) == []


def test_a_corpus_that_is_not_there_holds_no_documents_and_is_not_made(run, tmp_path):
    assert run() == "The corpus holds no documents.\n"
    assert not (tmp_path / "state").exists()
