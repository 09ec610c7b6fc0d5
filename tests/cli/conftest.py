"""A folder with a jobs.toml, a server behind it, and hands that do a worker's part one job at a time."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from jobframe.cli.main import run
from jobframe.core.jobtype import JobType
from jobframe.core.policy import Policy
from jobframe.store.claim import claim
from jobframe.store.notes import mark_step
from jobframe.store.policies import Member, announce, document
from jobframe.store.settle import Settled, settle
from jobframe.store.store import Store


@attrs.frozen
class Payload:
    document_id: str = ""
    count: int = 0


async def _handler(ctx, payload: Payload): ...


class Hands:
    """Announces types and carries out one job at a time, so that commands meet jobs in any state."""

    def __init__(self, url, namespace):
        self.url = url
        self.namespace = namespace
        self.number = 0
        self.lanes: set[str] = set()

    def announce(self, *names, worker="w1", **policy):
        types = [JobType(name, 1, _handler, {}) for name in names]
        documents = [document(each, Policy(**policy), worker) for each in types]
        member = Member(
            host="box", pid=7, started_at=5, types=names, kind="k", max_jobs=10, lease_ms=60_000, version="1",
            digests={each.type: each.digest for each in documents},
        )  # fmt: skip
        answer = self._with_store(lambda store: announce(store, worker, member, documents, apply=True, edited_ms=0))
        self.lanes = {lane for lane, _ in answer.values()}

    def work(self, outcome, record=b"", reached=b"", steps=()):
        """Claim one job, mark *steps* of it and end it with *outcome*; return its id."""

        async def step(store):
            self.number += 1
            taken = await claim(store, "w1", self.number, 1, 1, [(lane, 1) for lane in self.lanes])
            (job,) = taken.jobs
            for name in steps:
                await mark_step(store, "w1", f"{job.type}:{job.unique}", job.fence, name)
            end = Settled(job.type, job.unique, job.fence, job.due_ms, outcome, record, 5, 7, reached=reached)
            ((_, recorded),) = await settle(store, "w1", self.number, [end])
            assert recorded
            return f"{job.type}:{job.unique}"

        return self._with_store(step)

    def _with_store(self, step):
        async def go():
            store = Store(self.url, self.namespace)
            try:
                return await step(store)
            finally:
                await store.aclose()

        return asyncio.run(go())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, with nothing of jobframe in the environment."""
    for name in (
        "JOBFRAME_CONFIG",
        "JOBFRAME_REDIS_URL",
        "JOBFRAME_KEYS",
        "QUEUE_MAX_RETRIES",
        "QUEUE_BACKOFF_STRATEGY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def hands(folder, redis_url, namespace):
    """A jobs.toml that points to the server, and a worker's hands there."""
    (folder / "jobs.toml").write_text(f'[redis]\nurl = "{redis_url}"\nnamespace = "{namespace}"\n')
    return Hands(redis_url, namespace)


@pytest.fixture
def cli(capsys):
    """Run one command line: exit code, stdout, stderr."""

    def call(*words):
        code = run(list(words))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def cli_json(cli):
    """Run one reading command and read its JSON."""

    def call(*words):
        code, out, err = cli(*words, "--json")
        assert 0 == code, err
        return json.loads(out)

    return call
