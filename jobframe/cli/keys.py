"""``jobframe keys``: the keys that restricted fields are sealed with."""

from __future__ import annotations

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.options import example
from jobframe.config.reader import examine
from jobframe.core import ids
from jobframe.core.keyring import next_id, written

__all__ = ["keys"]


@click.group(epilog=example("jobframe keys new"))
def keys() -> None:
    """Make the keys that restricted fields are sealed with."""


@keys.command(epilog=example("jobframe keys new"))
@click.pass_obj
def new(invocation: Invocation, /) -> None:
    """
    Print a new key, with an id that none of the present keys has.

    The first key in JOBFRAME_KEYS seals, all open. Beside others it goes behind them first, then, when every worker has
    it, in front. It is kept nowhere else.
    """
    config, _ = examine(invocation.config)
    click.echo(written(next_id(config.keyring.keys), ids.new_key()))
    variable = config.encryption.keys_env
    whose = "of every worker and of who enqueues restricted fields"
    where = f"into {variable}, {whose}"
    if config.keyring.active:
        where = f"behind the keys in {variable}, {whose}, and in front when all have it"
    click.echo(f"Put it {where}; it is kept nowhere.", err=True)
