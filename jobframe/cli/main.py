"""The ``jobframe`` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from jobframe.cli.invocation import Invocation
from jobframe.cli.lazy import LazyGroup
from jobframe.cli.table import COMMANDS

__all__ = ["main", "root", "run"]


def main() -> None:
    """Run the command line and end the process with its exit code."""
    sys.exit(run())


def run(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command line.

    Args:
        arguments: Words after ``jobframe``; None takes the process's own.

    Returns:
        The exit code: 0 ok, 1 failed, 2 usage, 3 configuration, 4 store unreachable, 5 plugin.

    """
    invocation = Invocation()
    try:
        code = root.main(arguments, prog_name="jobframe", standalone_mode=False, obj=invocation)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the edge: every error becomes an exit code
        from jobframe.cli.failures import report  # noqa: PLC0415 - the happy path does without

        return report(error, debug=invocation.debug)
    return code if isinstance(code, int) else 0


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 - click's signature
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only when asked for

        click.echo(f"jobframe {version('jobframe')}")
        ctx.exit()


def _remember(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    """Note an option while it is parsed: a plugin's command is looked up before the group itself is invoked."""
    setattr(ctx.obj, str(option.name), value)


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 failed, 2 usage, 3 configuration, 4 store unreachable, 5 plugin.\n\n"
    "Example: jobframe up",
)
@click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    expose_value=False,
    callback=_remember,
    help="The jobs.toml to use; default: $JOBFRAME_CONFIG, else ./jobs.toml if there is one.",
)
@click.option("--debug", is_flag=True, expose_value=False, callback=_remember, help="Show the traceback of an error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def root() -> None:
    """Run background jobs on Redis or Valkey: plugins declare job types, jobs.toml declares their policy."""
