"""What stands in a payload stays there: not in a log, an error, a metric, nor in what the commands show unasked."""

from __future__ import annotations

import json

import pytest

from tests.e2e.deployment import Deployment
from tests.e2e.packages import place

CANARY = "canary-5f3a"
CODE = """
import asyncio
import attrs
import jobframe


@attrs.frozen
class Note:
    text: str
    number: int = 0


@attrs.frozen
class Sealed:
    text: str = jobframe.restricted()


@jobframe.job("notes.keep")
async def keep(ctx: jobframe.Context, note: Note) -> str:
    ctx.log.info("kept", length=len(note.text))
    return note.text


@jobframe.job("notes.raise", max_retries=1, backoff="none")
async def fail(ctx: jobframe.Context, note: Note):
    raise RuntimeError(f"cannot keep {note.text}")


@jobframe.job("notes.thread", max_retries=0)
def fail_in_a_thread(ctx: jobframe.Context, note: Note):
    {}[note.text]


@jobframe.job("notes.child", max_retries=0, run_in="process")
def fail_in_a_child(ctx: jobframe.Context, note: Note):
    raise ValueError(note.text)


@jobframe.job("notes.stop")
async def stop(ctx: jobframe.Context, note: Note):
    raise jobframe.Fail(f"will not keep {note.text}")


@jobframe.job("notes.unfit", max_retries=0)
async def unfit(ctx: jobframe.Context, note: Note):
    return {note.text: object()}


@jobframe.job("notes.slow", timeout="100ms", max_retries=0)
async def slow(ctx: jobframe.Context, note: Note):
    await asyncio.sleep(60)


@jobframe.job("notes.sealed")
async def sealed(ctx: jobframe.Context, note: Sealed): ...


@jobframe.hookimpl
def jobframe_job_types():
    return [keep, fail, fail_in_a_thread, fail_in_a_child, stop, unfit, slow, sealed]
"""
FAILING = ("notes.raise", "notes.thread", "notes.child", "notes.stop", "notes.unfit", "notes.slow")
ENTRY_POINTS = "[jobframe.plugins]\nnotes = acme_notes\n"


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    """A deployment in which jobs with a canary in their payloads ended in every way, with the most talkative log."""
    root = tmp_path_factory.mktemp("notes")
    deployment = Deployment(root / "here", place(root / "site", "acme_notes", CODE, ENTRY_POINTS))
    deployment.configure('[logging]\nlevel = "DEBUG"')
    (deployment.docs / f"{CANARY}.pdf").write_text(f"%PDF-1.7\n{CANARY}")
    payload = json.dumps({"text": CANARY})
    with deployment.up():
        for name in ("notes.keep", *FAILING):
            deployment.run("enqueue", name, "--payload", payload)
        deployment.run("enqueue", "notes.keep", "--payload", payload, "--delay", "1h", "--id", "later")
        deployment.run("cancel", "notes.keep:later")
        counts = deployment.ended()
        assert (len(FAILING) + 1, 1) == (counts["failed"], counts["cancelled"]), deployment.said()
        yield deployment


def test_no_log_holds_it(notes):
    assert f"{len(FAILING) + 1}" == str(notes.said().count("job failed"))
    assert CANARY not in notes.said()
    assert CANARY not in (notes.folder / ".jobframe" / "server.log").read_text()


@pytest.mark.parametrize("accept", ["application/json", "text/plain", "application/openmetrics-text"])
@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/readyz?strict", "/healthz"])
def test_no_page_of_the_status_server_holds_it(notes, path, accept):
    told = notes.get(path, Accept=accept).read().decode()

    assert told
    assert CANARY not in told


@pytest.mark.parametrize(
    "command", ["list", "list --json", "stats", "stats --json", "types", "workers", "workers --json"]
)
def test_no_command_that_lists_shows_it(notes, command):
    ended = notes.run(*command.split())

    assert CANARY not in ended.stdout + ended.stderr


def test_show_shows_it_only_as_the_result_that_was_asked_for(notes):
    for job in notes.listed("--state", "failed"):
        assert CANARY not in notes.run("show", job["id"]).stdout
    (kept,) = notes.listed("--state", "completed", "--type", "notes.keep")
    assert CANARY not in notes.run("show", kept["id"]).stdout
    assert CANARY == notes.json("show", kept["id"], "--result")["result"]


@pytest.mark.parametrize(
    "payload",
    [
        {"text": CANARY, "nubmer": 1},
        {CANARY: 1},
        {"text": [CANARY]},
        {"text": "", "number": CANARY},
        {"text": CANARY * 30_000},
    ],
    ids=["unknown field", "as a field", "wrong type", "no number", "too large"],
)
def test_no_refusal_repeats_it(notes, payload):
    assert CANARY not in notes.run("enqueue", "notes.keep", "--payload", "-", stdin=json.dumps(payload), code=1).stderr


def test_a_restricted_field_is_refused_and_never_sent(notes):
    refused = notes.run("enqueue", "notes.sealed", f"text={CANARY}", code=1).stderr

    assert "notes.sealed" in refused
    assert CANARY not in refused
    assert [] == notes.listed("--type", "notes.sealed")
