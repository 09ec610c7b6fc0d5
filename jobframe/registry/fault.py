"""What a plugin's exception says, in one line."""

from __future__ import annotations

import traceback

from jobframe.core.errors import PluginError

__all__ = ["describe"]


def describe(error: BaseException, module: str = "") -> str:
    """
    Return class, first line and place of *error*; of a `PluginError`, which names its cause itself, the reason.

    Args:
        error: What the plugin raised.
        module: Name of the plugin's module; its own lines are told before those of the libraries that it calls.

    """
    if isinstance(error, PluginError):
        return error.reason
    text = str(error).split("\n", 1)[0]
    place = _place(error, module.partition(".")[0])
    return f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"


def _place(error: BaseException, package: str) -> str:
    """Name the innermost line of *package*, else of anything but the import machinery: the author looks there first."""
    if isinstance(error, SyntaxError):
        return ""  # its own text names file and line
    frames = [
        (frame.f_globals.get("__name__", ""), f"{frame.f_code.co_filename}:{line}")
        for frame, line in traceback.walk_tb(error.__traceback__)
        if "importlib" not in frame.f_code.co_filename
    ]
    own = [place for name, place in frames if name.partition(".")[0] == package]
    return f" ({own[-1] if own else frames[-1][1]})" if len(frames) > 1 else ""
