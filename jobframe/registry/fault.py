"""What a plugin's exception says, in one line."""

from __future__ import annotations

import traceback

from jobframe.core.errors import PluginError

__all__ = ["describe"]


def describe(error: BaseException) -> str:
    """Return class, first line and place of *error*; of a `PluginError`, which names its cause itself, the reason."""
    if isinstance(error, PluginError):
        return error.reason
    text = str(error).split("\n", 1)[0]
    return f"{type(error).__name__}: {text}{_place(error)}" if text else f"{type(error).__name__}{_place(error)}"


def _place(error: BaseException) -> str:
    """Name the innermost line that is not the import machinery's; the author of the plugin looks there first."""
    if isinstance(error, SyntaxError):
        return ""  # its own text names file and line
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if len(frames) > 1 else ""
