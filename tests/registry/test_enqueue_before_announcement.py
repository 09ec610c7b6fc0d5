"""A producer that has a plugin installed can enqueue its types by name before any worker announced them."""

from __future__ import annotations

import sys

import pytest

import jobframe

PLUGIN = """
    import attrs, jobframe

    @attrs.frozen
    class Tea:
        cups: int

    @jobframe.job("kettle.boil")
    async def boil(ctx, tea: Tea): ...

    @jobframe.hookimpl
    def jobframe_job_types():
        return [boil]
"""


@pytest.fixture
def config(tmp_path, namespace):
    def write(text=""):
        file = tmp_path / "jobs.toml"
        file.write_text(f'[redis]\nnamespace = "{namespace}"\n{text}')
        return file

    return write


async def test_the_plugin_named_by_the_types_first_word_is_imported_then_and_its_class_checks(
    install, redis_url, config
):
    install("kettle", PLUGIN)
    async with jobframe.connect(redis_url, config=config()) as jobs:
        assert "acme_kettle" not in sys.modules

        handle = await jobs.enqueue("kettle.boil", {"cups": 2})

        assert handle.created
        with pytest.raises(jobframe.PayloadError):
            await jobs.enqueue("kettle.boil", {"cups": "two"})


async def test_no_other_plugin_is_imported_for_it(install, redis_url, config):
    install("teapot", PLUGIN.replace("kettle", "teapot"))
    async with jobframe.connect(redis_url, config=config()) as jobs:
        with pytest.raises(jobframe.UnknownJobType):
            await jobs.enqueue("cosy.knit")

    assert "acme_teapot" not in sys.modules


async def test_a_plugin_that_is_not_allowed_is_not_imported_for_it(install, redis_url, config):
    install("urn", PLUGIN.replace("kettle", "urn"))
    async with jobframe.connect(redis_url, config=config('[plugins]\nallow = ["acme-other"]\n')) as jobs:
        with pytest.raises(jobframe.UnknownJobType):
            await jobs.enqueue("urn.boil", {"cups": 2})

    assert "acme_urn" not in sys.modules
