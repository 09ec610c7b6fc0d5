"""``jobframe enqueue``: one job from the shell."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.options import as_json, duration, example
from jobframe.cli.output import emit_json
from jobframe.cli.pairs import read_pairs
from jobframe.cli.progress import Bar, progress
from jobframe.cli.session import connected, load_plugins
from jobframe.core.errors import Timeout

if TYPE_CHECKING:
    from jobframe.client import Handle, Jobs

__all__ = ["enqueue"]

_LOOK_EVERY_S = 1.0


@click.command(
    epilog=example(
        "jobframe enqueue reembed.document document_id=42 --wait",
        'jobframe enqueue sync.source --payload \'{"source": "docs"}\' --delay 5m',
    )
)
@click.argument("type")
@click.argument("fields", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--payload", metavar="JSON", help="The payload as a JSON object; - reads it from stdin.")
@click.option("--id", metavar="TEXT", help="Unique part of the job id; the same id again enqueues nothing.")
@click.option("--key", metavar="TEXT", help="At most one live job of the type has this key.")
@click.option("--delay", metavar="DURATION", callback=duration, help="Start at the earliest after this, e.g. 5m.")
@click.option("--priority", type=click.Choice(["high", "normal", "low"]), help="Instead of the type's own.")
@click.option("--expires", metavar="DURATION", callback=duration, help="Never start later than this from now.")
@click.option("--timeout", metavar="DURATION", callback=duration, help="Time limit of one attempt.")
@click.option("--max-retries", type=click.IntRange(min=0), help="Attempts after the first.")
@click.option("--wait", is_flag=True, help="Wait for the job's end; exit 0 only when it completes.")
@as_json
@click.pass_obj
def enqueue(
    invocation: Invocation,
    /,
    *,
    type: str,
    fields: tuple[str, ...],
    payload: str | None,
    wait: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """
    Enqueue one job of TYPE and print its id.

    KEY=VALUE sets one field of the payload. A value that is JSON for its field's declared type is taken as that
    JSON, anything else as text: count=3 is a number for an int field and the text 3 for a str field. Where the
    type's plugin is not installed, any JSON is taken as JSON.

    --json prints {"id", "created"}, with --wait also "state" and "result"; created is false when an equal job was
    found instead.
    """
    body = _payload(invocation, type, payload, fields)

    async def send(jobs: Jobs) -> None:
        handle = await jobs.enqueue(type, body, **options)
        document: dict[str, Any] = {"id": handle.id, "created": handle.created}
        if not as_json:
            click.echo(handle.id)
            if not handle.created:
                click.echo("An equal job was already there: nothing was enqueued.", err=True)
        if wait:
            with progress(f"Waiting for {handle.id}") as bar:
                document |= {"result": await _result(handle, bar), "state": "completed"}
            if not as_json:
                emit_json(document["result"])
        if as_json:
            emit_json(document)

    connected(invocation, send)


async def _result(handle: Handle, bar: Bar) -> Any:
    """Wait for the job's end, and show meanwhile what it reports."""
    while True:
        with contextlib.suppress(Timeout):
            return await handle.result(timeout=_LOOK_EVERY_S)
        bar.say(str((await handle.info()).progress or ""))


def _payload(invocation: Invocation, type: str, payload: str | None, fields: tuple[str, ...]) -> dict[str, Any] | None:
    """
    Join ``--payload`` and the ``key=value`` words; the words win.

    The plugins are loaded in any case: a type that is known in this process is checked before anything is sent.
    """
    job_type = load_plugins(invocation).catalog.types.get(type)
    joined = _object(payload) if payload is not None else {}
    try:
        return joined | read_pairs(fields, job_type) or None
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _object(payload: str) -> dict[str, Any]:
    text = sys.stdin.read() if payload == "-" else payload
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        raise click.UsageError("--payload is not JSON") from None
    if not isinstance(body, dict):
        raise click.UsageError('--payload must be a JSON object, such as \'{"document_id": "42"}\'')
    return body
