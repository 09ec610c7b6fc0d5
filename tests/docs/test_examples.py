"""The examples of the documentation are whole and right: they run, are read, or are at least Python."""

from __future__ import annotations

import asyncio
import re
import sys

import pytest

import jobframe
from jobframe.config.reader import read
from jobframe.core import jobtype
from jobframe.project import load_project
from jobframe.wiring import build_runtime
from tests.docs import pages

PATIENCE_S = 20.0
TALKS_TO_A_SERVER = re.compile(r"^asyncio\.run\(", re.MULTILINE)


def run(block):
    """Run *block* as a module of its own and return what it defines."""
    names = {"__name__": "documented"}
    exec(compile(block.code, str(block), "exec"), names)  # noqa: S102 - our own documentation
    return names


@pytest.mark.parametrize("block", pages.blocks("python"), ids=str)
def test_every_python_example_can_be_imported(block, monkeypatch):
    monkeypatch.setattr(jobtype, "_declared", {})
    if TALKS_TO_A_SERVER.search(block.code):
        compile(block.code, str(block), "exec")
    else:
        run(block)


@pytest.mark.parametrize("block", [each for each in pages.blocks("python") if "def test_" in each.code], ids=str)
def test_every_test_in_an_example_passes(block, monkeypatch):
    monkeypatch.setattr(jobtype, "_declared", {})
    names = run(block)
    tests = [value for name, value in names.items() if name.startswith("test_")]
    assert tests
    for test in tests:
        test()


@pytest.mark.parametrize("block", [each for each in pages.blocks("toml") if "[project" not in each.code], ids=str)
def test_every_example_of_a_jobs_toml_is_read_without_a_complaint(block, tmp_path):
    path = tmp_path / "jobs.toml"
    path.write_text(block.code)
    assert path == read(path, {}).path


@pytest.fixture
def readme(tmp_path, monkeypatch):
    """The plugin of the README, installed from the files that it shows, and their code."""
    module = next(block.code for block in pages.blocks("python") if block.page == "README.md")
    distribution, jobs_toml = [block.code for block in pages.blocks("toml") if block.page == "README.md"]
    name, target = re.search(r'entry-points\."jobframe\.plugins"\]\n(\w+) = "(\w+)"', distribution).groups()
    (tmp_path / f"{target}.py").write_text(module)
    info = tmp_path / f"{target}-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {target}\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[jobframe.plugins]\n{name} = {target}\n")
    (tmp_path / "jobs.toml").write_text(jobs_toml)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield module, jobs_toml
    sys.modules.pop(target, None)


def test_the_plugin_of_the_readme_has_20_lines_and_its_jobs_toml_10(readme):
    module, jobs_toml = readme
    assert (20, 10) >= (len(module.splitlines()), len(jobs_toml.splitlines()))


async def test_the_plugin_of_the_readme_runs_under_the_jobs_toml_of_the_readme(readme, redis_url, monkeypatch):
    monkeypatch.setenv("JOBFRAME_REDIS_URL", redis_url)
    project = load_project(types=["thumbs.make"])
    assert 4 == project.policies["thumbs.make"].policy.concurrency
    runtime = build_runtime(project, redis_url)
    await runtime.start()
    try:
        async with asyncio.timeout(PATIENCE_S), jobframe.connect() as jobs:
            made = await jobs.enqueue("thumbs.make", {"image": "cat.png", "width": 80})
            refused = await jobs.enqueue("thumbs.make", {"image": "cat.txt"})
            assert {"path": "thumbs/80/cat.png"} == await made.result()
            with pytest.raises(jobframe.JobFailed, match="that is no image"):
                await refused.result()
            assert 0 == (await refused.info()).crashes
    finally:
        await runtime.drain(1000)
