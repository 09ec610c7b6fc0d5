"""A canary in every restricted field, whatever becomes of its job, stands in clear nowhere outside the processes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import subprocess
import sys

import aiohttp
import arq
import pytest

import jobframe
from jobframe.cli.main import run
from jobframe.client.jobs import Jobs
from jobframe.core import jobtype
from jobframe.core.errors import JobCancelled, JobFailed, JobframeError
from jobframe.core.keyring import parse_keyring, written
from jobframe.status.server import StatusServer
from tests.fleet.canary import everything, files_of, places_of
from tests.fleet.fixtures import durable_fleet
from tests.fleet.workers import ROOT, until

__all__ = ["durable_fleet"]

CANARY = "canary-4929-1283-øl"
NUMBER = 492_912_839_071_177
CONTROL = "control-7361-9947-øl"
OF_ARQ = "canary-of-arq-5528-1190"
KEY, OTHER = written("k1", b"1" * 32), written("k2", b"2" * 32)
TYPES = ["work.secret", "work.secret_thread", "work.secret_process", "work.secret_batch", "work.secret_batch_process"]
WAYS = [
    "length", "answer", "quote", "tell", "raise", "chained", "fail", "cancel", "retry", "flaky", "object", "unknown",
    "secretly", "report_fail",
]  # fmt: skip
CONFIGURED = """
[defaults]
max_retries = 1
backoff = "none"
[logging]
format = "{}"
level = "DEBUG"
[jobs."work.loop"]
encrypt = ["text"]
[jobs."work.secret"]
encrypt = ["note"]
"""
FOREIGN = """
import jobframe, sys
with jobframe.connect_sync() as jobs:
    print(jobs.enqueue("work.secret", {"number": sys.stdin.read(), "note": "x", "do": "tell"}).id)
"""


@pytest.fixture(autouse=True)
def without_the_plugin(monkeypatch):
    """Let this process enqueue by what workers announced: another test may have left the plugin's types here."""
    monkeypatch.setattr(jobtype, "_declared", {})


async def pages(url, namespace):
    server = StatusServer(url, namespace, port=0)
    server.start()
    found = {}
    try:
        async with aiohttp.ClientSession() as web:
            for path in ("/metrics", "/metrics?format=prometheus", "/readyz", "/readyz?strict", "/healthz"):
                answer = await web.get(f"{server.address}{path}")
                found[f"page {path}"] = await answer.read() + repr(answer.headers).encode()
    finally:
        server.stop()
    return found


def command(fleet, *words, stdin="", **environ):
    """Run one command of ours where the fleet is and return all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "jobframe", *words],
        cwd=fleet.folder, input=stdin.encode(), capture_output=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": f"{fleet.folder}:{ROOT}", "JOBFRAME_KEYS": KEY, **environ},
    )  # fmt: skip
    return done.stdout + done.stderr


def commands(fleet, ids):
    """Run every command that looks, and those about single jobs for *ids*, in this process; return what each says."""
    looks = [["list", "--limit", "500"], ["stats"], ["types"], ["workers"], ["plan"], ["config"], ["check", "--store"]]
    looks += [[word, each] for each in ids for word in ("show", "explain")]
    looks = [[*words, *more] for words in looks for more in ((), ("--json",))] + [
        ["show", each, "--result"] for each in ids
    ]
    told = {}
    for words in looks:
        with io.StringIO() as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            run(["--config", str(fleet.folder / "jobs.toml"), *words])
            told[" ".join(words)] = said.getvalue().encode()
    assert not [words for words, said in told.items() if b"unexpected" in said or not said]
    return told


def without_the_handlers(fleet):
    """Enqueue in a process that has no handler."""
    done = subprocess.run(
        [sys.executable, "-c", FOREIGN], input=CANARY, capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "JOBFRAME_CONFIG": str(fleet.folder / "jobs.toml")},
    )  # fmt: skip
    return done.stdout.strip()


def payload(do):
    return {"number": CANARY, "pin": NUMBER, "do": do, "n": 1}


async def ended(handles):
    for handle in handles:
        with contextlib.suppress(JobFailed, JobCancelled):
            await handle.result(timeout=60)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("log_format", ["json", pytest.param("console", marks=pytest.mark.slow)])
async def test_a_canary_in_a_restricted_field_is_found_nowhere(durable_fleet, own_server, monkeypatch, log_format):
    fleet = durable_fleet
    monkeypatch.setenv("JOBFRAME_KEYS", KEY)
    monkeypatch.setenv("JOBFRAME__ARQ__QUEUE", "arq:queue")
    fleet.configure(CONFIGURED.format(log_format), durability="aof")
    jobs = Jobs(fleet.jobs.store, keyring=lambda: parse_keyring(KEY))
    (worker,) = await fleet.start(1)

    control = await jobs.enqueue("work.other", {"do": "tell", "text": CONTROL})
    await ended([control])
    waiting_control = await jobs.enqueue("work.other", {"text": CONTROL}, delay="1h")

    handles = [await jobs.enqueue(name, payload(do), headers={"do": do}) for name in TYPES for do in WAYS]
    handles += [
        await jobs.enqueue("work.loop", {"text": CANARY, "do": do}) for do in ("answer", "raise", "tell", "secretly")
    ]
    handles.append(await jobs.enqueue("work.secret", {"note": CANARY, "do": "show"}))
    handles.append(await jobs.enqueue("work.secret_process", payload("die")))
    handles.append(await jobs.job(without_the_handlers(fleet)))
    handles.append(
        await jobs.job(
            command(fleet, "enqueue", "work.secret", "--payload", "-", stdin=json.dumps(payload("tell")))
            .decode()
            .strip()
        )
    )
    await ended(handles)
    failed = (await jobs.jobs(state="failed", limit=500)).jobs
    assert failed
    for each in failed[:20]:
        await jobs.retry(each.id)
    await until(lambda: _ended_but(fleet, delayed=1), "they have ended again")

    delayed = await jobs.enqueue("work.secret", payload("length"), delay="1h")
    cancelled = await jobs.enqueue("work.secret", payload("length"), delay="1h")
    await cancelled.cancel("no longer wanted")
    held = [await jobs.enqueue(name, payload("hold")) for name in TYPES[:3]]
    await until(lambda: _running(fleet, held), "they run")
    for handle in held:
        await handle.cancel("stopped while it ran")
    fleet.ledger.open_gate(f"{CANARY} {NUMBER}")
    await ended(held)
    refused = await refusals(fleet)
    from_arq = await by_arq(own_server.url)
    fleet.kill(worker)
    monkeypatch.setenv("JOBFRAME_KEYS", OTHER)
    (other,) = await fleet.start(1)
    parked = await jobs.enqueue("work.secret", payload("length"))
    await until(lambda: _is(parked, "parked"), "it is parked")

    chosen = [*(each.id for each in failed[:3]), handles[0].id, delayed.id, cancelled.id, held[0].id, parked.id]
    logs = {f"log of {each.output.name}": each.output.read_bytes() for each in (worker, other)}
    seen = everything(own_server.url) | files_of(own_server.folder) | logs | refused
    seen |= await pages(own_server.url, fleet.namespace) | await asyncio.to_thread(
        commands, fleet, [*chosen, control.id, waiting_control.id]
    )
    infos = {
        f"info of {handle.id}": repr(await handle.info()).encode() for handle in (*handles, *held, delayed, parked)
    }
    await jobs.aclose()

    controlled = " ".join(places_of(seen, CONTROL))
    for place in ("payload:work.other", "result:work.other", ".incr.aof", f"log of {worker.output.name}", "--result"):
        assert place in controlled, "the search finds what is there"
    assert b"job failed" in logs[f"log of {worker.output.name}"]
    assert any(b"[payload]" in content for content in infos.values())
    assert [] == places_of(seen | infos, CANARY, NUMBER)
    assert [] == places_of(seen | infos, KEY.partition(":")[2]), "no key stands anywhere either"
    of_arq = {name: content for name, content in (seen | infos).items() if not name.endswith(".aof")}
    assert [] == places_of(of_arq, OF_ARQ), "its producer's own command is in the AOF, nothing else"
    assert all("restricted fields (number, pin, note)" in text for text in from_arq)


async def refusals(fleet):
    """Enqueue without a key, by the client and by the command, and return what is said."""
    said = {}
    for name, field in (("work.secret", "number"), ("work.loop", "text")):
        with pytest.raises(JobframeError) as error:
            await fleet.jobs.enqueue(name, {field: CANARY})
        said[f"refusal of {name}"] = repr(error.value).encode() + str(error.value).encode()
    wrong = json.dumps({"number": [CANARY], "pin": str(NUMBER), CANARY: CANARY})
    right = json.dumps(payload("length"))
    said["command without key"] = command(
        fleet, "--debug", "enqueue", "work.secret", "--payload", "-", stdin=right, JOBFRAME_KEYS=""
    )
    said["command with a wrong payload"] = command(
        fleet, "--debug", "enqueue", "work.secret", "--payload", "-", stdin=wrong
    )
    scheduled = fleet.folder / "scheduled.toml"
    schedule = f'[schedules.often]\njob = "work.secret"\nevery = "1m"\npayload = {{ number = "{CANARY}" }}'
    scheduled.write_text((fleet.folder / "jobs.toml").read_text() + schedule)
    said["check of a schedule"] = command(fleet, "--config", str(scheduled), "check")
    for text in said.values():
        assert any(word in text for word in (b"restricted", b"unknown field", b"never kept in clear"))
    return said


async def by_arq(url):
    """Enqueue as plain arq producers do, in JSON and pickled, and return why those in JSON were refused."""
    client = arq.ArqRedis(
        unix_socket_path=url.removeprefix("unix://"),
        job_serializer=jobframe.arq_dumps,
        job_deserializer=jobframe.arq_loads,
    )
    made = [
        await client.enqueue_job("work.secret", number=OF_ARQ),
        await client.enqueue_job("work.secret", "ann", OF_ARQ),
    ]
    refused = []
    for job in made:
        with pytest.raises(JobFailed) as error:
            await job.result(timeout=60, poll_delay=0.1)
        refused.append(str(error.value))
    pickling = arq.ArqRedis(unix_socket_path=url.removeprefix("unix://"))
    await pickling.enqueue_job("work.secret", number=OF_ARQ)
    await until(lambda: _taken(pickling), "the bridge has taken it")
    await pickling.aclose()
    await client.aclose()
    return refused


async def _taken(client):
    return not await client.keys("arq:job:*")


async def _running(fleet, handles):
    started = fleet.ledger.starts()
    return all(started[handle.id] for handle in handles)


async def _ended_but(fleet, delayed):
    counts = await fleet.jobs.counts()
    return (0, delayed, 0) == (counts["waiting"], counts["delayed"], counts["active"])


async def _is(handle, state):
    return await handle.status() == state
