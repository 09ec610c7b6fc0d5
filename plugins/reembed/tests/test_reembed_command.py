"""``jobframe search``."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from jobframe_reembed.command import search


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command with a jobs.toml that names this test's corpus."""

    def run(*words, settings=""):
        config = tmp_path / "jobs.toml"
        config.write_text(
            f'[settings.ingest]\ncorpus = "sqlite:///{tmp_path}/corpus.db"\n[settings.reembed]\n{settings}'
        )
        return CliRunner().invoke(search, words, obj=SimpleNamespace(config=config))

    return run


@pytest.fixture
async def filled(put, context, reembed):
    """Three documents with their vectors."""
    ctx = await context()
    for uri, text in {
        "refunds.md": "We return your payment within five days after the goods came back.",
        "cats.md": "A kitten sleeps most of the day.\nIt purrs.",
        "codes.txt": "Error XQ-4711 means that the paper tray is empty.",
    }.items():
        await reembed(ctx, put(uri, text))


def test_it_finds_by_meaning(filled, run):
    [first, *_] = json.loads(run("how do I get my money back", "--json").stdout)

    assert "refunds.md" == first["uri"]


def test_it_finds_by_word(filled, run):
    [first, *_] = json.loads(run("xq-4711", "--json").stdout)

    assert "codes.txt" == first["uri"]


def test_json_lists_uri_score_and_text_best_first(filled, run):
    found = json.loads(run("sleeping", "cat", "--json").stdout)

    assert {"uri": "cats.md", "text": "A kitten sleeps most of the day.\nIt purrs."}.items() <= found[0].items()
    assert sorted((each["score"] for each in found), reverse=True) == [each["score"] for each in found]


def test_a_person_is_shown_place_uri_score_and_one_line_of_text(filled, run):
    lines = run("sleeping cat", "--limit", "1").stdout.splitlines()

    assert lines[0].startswith("1. cats.md  0.0")
    assert ["   A kitten sleeps most of the day. It purrs."] == lines[1:]


def test_limit_bounds_the_findings(filled, run):
    assert 2 == len(json.loads(run("day", "--limit", "2", "--json").stdout))


def test_without_a_corpus_it_says_how_to_fill_one(run, tmp_path):
    result = run("anything")

    assert 1 == result.exit_code
    assert "there is no corpus yet: fill it with `jobframe up`" in result.stderr
    assert not (tmp_path / "corpus.db").exists()


def test_with_an_empty_corpus_it_says_how_to_fill_it(corpus, run):
    result = run("anything", "--json")

    assert 1 == result.exit_code
    assert "the corpus is empty" in result.stderr


def test_texts_without_vectors_are_found_by_word_and_it_says_so(put, run):
    put("a.md", "a word")
    result = run("word", "--json")

    assert ["a.md"] == [each["uri"] for each in json.loads(result.stdout)]
    assert "1 of 1 pieces have no vector" in result.stderr


def test_an_endpoint_that_does_not_answer_leaves_the_words(filled, run):
    result = run("kitten", "--json", settings='base_url = "http://127.0.0.1:9/v1"\nmodel = "tiny"\n')

    assert ["cats.md"] == [each["uri"] for each in json.loads(result.stdout)]
    assert (
        "found by word only: the embedding endpoint http://127.0.0.1:9/v1/embeddings cannot be reached" in result.stderr
    )


def test_nothing_found_is_said(put, run):
    put("a.md", "a word")

    assert "Nothing found.\n" == run("zebra").stdout


def test_text_of_a_document_cannot_steer_the_terminal(put, run):
    put("a.md", "word \x1b[2J\x07 word")

    assert "\x1b[2J" not in run("word").stdout


@pytest.mark.parametrize("words", [(), (" ",), ("x", "--limit", "0")])
def test_wrong_usage_is_exit_2(run, words):
    assert 2 == run(*words).exit_code
