"""What the plugin costs and offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

import jobframe
from jobframe_ingest import plugin
from jobframe_ingest.corpus import Corpus
from jobframe_ingest.kinds import Kind, is_readable, named_kind
from jobframe_ingest.settings import IngestSettings


def test_importing_the_plugin_loads_no_parser_no_file_system_and_no_http_client():
    heavy = {"pypdf", "markdown_it", "selectolax", "fsspec", "aiohttp", "numpy", "redis"}
    code = f"import sys, jobframe_ingest.plugin; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert "\n" == done.stdout


def test_it_offers_its_job_types():
    assert ["ingest.document", "ingest.delete", "ingest.vacuum"] == [each.name for each in plugin.jobframe_job_types()]


async def test_the_corpus_of_the_settings_is_there_while_the_worker_runs(corpus_url):
    app = jobframe.App()
    app.provide(IngestSettings(corpus=corpus_url))

    async with plugin.jobframe_lifespan(app):
        with Corpus.open(corpus_url, create=False):
            assert app.resource(Corpus).counts().documents == 0


@pytest.mark.parametrize(
    ("uri", "kind"), [("deep/A.PDF", Kind.PDF), ("a.b.htm", Kind.HTML), ("md", None), ("a.png", None)]
)
def test_what_can_be_read_is_told_by_the_suffix(uri, kind):
    assert kind is named_kind(uri)
    assert is_readable(uri) is (kind is not None)
