"""What the plugin costs and offers."""

from __future__ import annotations

import subprocess
import sys

import pytest

from jobframe import App
from jobframe_reembed import plugin
from jobframe_reembed.embedder import Model
from jobframe_reembed.settings import ReembedSettings


def test_importing_the_plugin_loads_neither_the_model_nor_an_http_client():
    heavy = {"wordllama", "tokenizers", "aiohttp", "redis", "numpy"}
    code = f"import sys, jobframe_reembed.plugin; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert "\n" == done.stdout


def test_it_offers_two_job_types():
    assert ["reembed.document", "reembed.collection"] == [each.name for each in plugin.jobframe_job_types()]


async def test_its_lifespan_offers_the_model_without_opening_it():
    app = App()
    app.provide(plugin.jobframe_settings()(base_url="http://127.0.0.1:9/v1", key_env="JOBFRAME_TEST_NOT_SET"))

    async with plugin.jobframe_lifespan(app):
        assert isinstance(app.resource(Model), Model)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": ""}, {"base_url": "localhost:8080"}, {"base_url": "ftp://host/v1"}, {"base_url": "http://me:pw@host/v1"},
        {"batch": 0}, {"batch": 2049}, {"dimensions": 0},
    ],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
        ReembedSettings(**wrong)

    assert "pw" not in str(caught.value)
