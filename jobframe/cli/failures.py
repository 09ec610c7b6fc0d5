"""The one place that turns an error into an exit code and a sentence on stderr."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import click

from jobframe.core.errors import ConfigError, JobframeError, PluginError, StoreUnavailable
from jobframe.core.shown import printable

__all__ = ["CONFIGURATION", "FAILED", "OK", "PLUGIN", "STORE", "USAGE", "report"]

OK, FAILED, USAGE, CONFIGURATION, STORE, PLUGIN = range(6)
"""Exit codes: done; it failed; wrong usage; wrong configuration; store unreachable; a plugin cannot be used."""

_CODES: tuple[tuple[type[JobframeError], int], ...] = (
    (ConfigError, CONFIGURATION),
    (StoreUnavailable, STORE),
    (PluginError, PLUGIN),
)


def report(error: BaseException, *, debug: bool) -> int:
    """
    Say on stderr what went wrong and return the exit code.

    Args:
        error: What ended the command.
        debug: Whether to print the traceback too.

    """
    if debug and not isinstance(error, click.ClickException):
        traceback.print_exception(error)
    match error:
        case click.UsageError():
            error.show()
            return USAGE
        case click.ClickException():
            _say(error.format_message())
        case JobframeError():
            _say(str(error))
            return next((code for kind, code in _CODES if isinstance(error, kind)), FAILED)
        case click.Abort() | KeyboardInterrupt():
            _say("stopped")
        case BrokenPipeError():
            _forget_stdout()
        case OSError():
            _say(": ".join(str(part) for part in (error.filename, error.strerror or type(error).__name__) if part))
        case _:
            _say(f"unexpected {type(error).__name__} at {_place(error)}; jobframe --debug … shows the traceback")
    return FAILED


def _say(sentence: str) -> None:
    for line in sentence.splitlines():
        click.echo(f"{click.style('error', fg='red')}: {printable(line)}", err=True)


def _place(error: BaseException) -> str:
    """Where it was raised; its text is left out because a library's error may hold a payload."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"


def _forget_stdout() -> None:
    """Whoever read our output has gone: keep the interpreter from complaining about it at its end."""
    sys.stdout = None
