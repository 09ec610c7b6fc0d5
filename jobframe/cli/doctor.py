"""``jobframe doctor``: whether the server is fit for jobs, and whether every job is where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.options import as_json, example
from jobframe.cli.output import emit_json, emit_table
from jobframe.cli.progress import progress
from jobframe.cli.session import connected
from jobframe.config.reader import read
from jobframe.runtime.startup import look
from jobframe.store.doctor import Examined, examine
from jobframe.store.fitness import Concern
from jobframe.store.stats import ServerFacts

if TYPE_CHECKING:
    from jobframe.client import Jobs

__all__ = ["doctor"]

_MOST_NAMED = 5


@attrs.frozen
class _Diagnosis:
    server: ServerFacts
    concerns: list[Concern]
    examined: Examined

    @property
    def is_well(self) -> bool:
        return not any(concern.refuses for concern in self.concerns) and (
            self.examined.repaired or not self.examined.troubles
        )


@click.command(epilog=example("jobframe doctor", "jobframe doctor --repair"))
@click.option("--repair", is_flag=True, help="Mend what is found.")
@as_json
@click.pass_obj
def doctor(invocation: Invocation, /, *, repair: bool, as_json: bool) -> None:
    """
    Examine the server, and look for jobs that are in no proper state.

    Only evicted, damaged or hand-deleted keys leave such jobs behind. It may run beside workers. Exit 1 when a worker
    would refuse this server, or when something is left to mend.

    --json prints {"ok", "server", "concerns", "looked_at", "troubles", "repaired"}; concerns is a list of {"about",
    "refuses", "text"}, troubles maps what is wrong to the ids of the jobs.
    """
    config = read(invocation.config)

    async def body(jobs: Jobs) -> _Diagnosis:
        snapshot, found = await look(jobs.store, config.runtime.durability, config.arq.queue)
        with progress("Looking at every job"):
            return _Diagnosis(snapshot.server, found, await examine(jobs.store, repair=repair))

    diagnosis = connected(invocation, body)
    if as_json:
        emit_json(_document(diagnosis))
    else:
        _print(diagnosis)
    raise click.exceptions.Exit(0 if diagnosis.is_well else 1)


def _document(diagnosis: _Diagnosis) -> dict[str, Any]:
    return {
        "ok": diagnosis.is_well,
        "server": attrs.asdict(diagnosis.server),
        "concerns": [attrs.asdict(concern) for concern in diagnosis.concerns],
        "looked_at": diagnosis.examined.looked_at,
        "troubles": diagnosis.examined.troubles,
        "repaired": diagnosis.examined.repaired,
    }


def _print(diagnosis: _Diagnosis) -> None:
    server, examined = diagnosis.server, diagnosis.examined
    click.echo(f"server      {server.product}, {'a replica' if server.replica else f'{server.replicas} replicas'}")
    click.echo(f"keeps       {'an append-only file' if server.aof else 'no append-only file'}")
    click.echo(f"when full   {'drops keys' if server.evicts else 'refuses to enqueue, drops nothing'}")
    for concern in diagnosis.concerns:
        colour, word = ("red", "refused") if concern.refuses else ("yellow", "warning")
        click.echo(f"{click.style(word, fg=colour)}     {concern.text}")
    click.echo(f"looked at   {examined.looked_at} entries")
    if not examined.troubles:
        click.echo("jobs        every one is where it belongs")
        return
    emit_table(
        ("trouble", "#jobs", "first of them", "mended"),
        [
            (trouble, str(len(found)), ", ".join(found[:_MOST_NAMED]), "yes" if examined.repaired else "no")
            for trouble, found in examined.troubles.items()
        ],
        empty="",
    )
    if not examined.repaired:
        click.echo("jobframe doctor --repair mends them")
