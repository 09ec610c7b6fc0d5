"""
Whose CPU it was, by layer: the kernel's count for the event loop's thread, a py-spy profile for all others.

The loop's thread is the framework's, wholly. A sample of another belongs to its innermost frame of a known layer:
what a C library does counts for the Python code that called it; what belongs to none is the framework's too. Left out
are imports, and threads seen on their way into or out of a wait: a sampler takes those for running.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

__all__ = ["FRAMEWORK", "LAYERS", "command", "shares"]

FRAMEWORK = "framework"
LAYERS = {
    "parsing": re.compile(r"jobframe_ingest/(extract/|chunking|kinds)"),
    "model": re.compile(r"jobframe_reembed/static_model|/(wordllama|tokenizers|numpy)/"),
    "corpus": re.compile(r"jobframe_ingest/(corpus|database|records|search|vectors)"),
    "sources": re.compile(r"jobframe_sync/|jobframe_ingest/(fetch|local|egress)|/fsspec/"),
}
_THREAD = "Thread._bootstrap "  # where every thread begins but the loop's
_IMPORT = "<frozen importlib"
_WAIT = re.compile(
    r"(wait|acquire) \(\S*/threading\.py|DaemonThreads\._serve|_worker \(\S*/concurrent/futures/thread\.py"
)


def command(py_spy: str, output: str) -> tuple[str, ...]:
    """Return what stands before the command to be profiled."""
    return (
        py_spy,
        "record",
        "--format",
        "raw",
        "--full-filenames",
        "--rate",
        "100",
        "--nonblocking",
        "--output",
        output,
        "--",
    )


def shares(lines: Iterable[str], loop: float) -> dict[str, float]:
    """
    Return the share of each layer.

    Args:
        lines: A profile in py-spy's raw format: frames, outermost first, then how often.
        loop: Share of the event loop's thread in the CPU of its process.

    """
    samples: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rstrip().rpartition(" ")
        if _counts(stack):
            samples[_layer(stack)] += int(times)
    found = {layer: (1 - loop) * samples[layer] / max(1, samples.total()) for layer in (*LAYERS, FRAMEWORK)}
    return found | {FRAMEWORK: loop + found[FRAMEWORK]}


def _counts(stack: str) -> bool:
    innermost = stack.rpartition(";")[2]
    return stack.startswith(_THREAD) and _IMPORT not in stack and not _WAIT.search(innermost)


def _layer(stack: str) -> str:
    for frame in reversed(stack.split(";")):
        for layer, pattern in LAYERS.items():
            if pattern.search(frame):
                return layer
    return FRAMEWORK
