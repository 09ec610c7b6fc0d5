"""
Whose CPU it was: sums a py-spy profile up by layer.

A sample belongs to the innermost frame that is of a known layer: what a C library does counts for the Python code that
called it. What belongs to none is the framework's: jobframe, asyncio and the event loop, the client of the store.
Left out are the worker's start and end, imports, and threads seen on their way into or out of a wait.
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
_RUNNING = re.compile(r"/arq/worker\.py|/threading\.py")  # in the worker's loop, or in a thread
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


def shares(lines: Iterable[str]) -> dict[str, float]:
    """
    Return the share of each layer in the samples that count.

    Args:
        lines: A profile in py-spy's raw format: frames, outermost first, then how often.

    """
    samples: Counter[str] = Counter()
    for line in lines:
        stack, _, times = line.rstrip().rpartition(" ")
        if _counts(stack):
            samples[_layer(stack)] += int(times)
    return {layer: samples[layer] / max(1, samples.total()) for layer in (*LAYERS, FRAMEWORK)}


def _counts(stack: str) -> bool:
    innermost = stack.rpartition(";")[2]
    return bool(_RUNNING.search(stack)) and _IMPORT not in stack and not _WAIT.search(innermost)


def _layer(stack: str) -> str:
    for frame in reversed(stack.split(";")):
        for layer, pattern in LAYERS.items():
            if pattern.search(frame):
                return layer
    return FRAMEWORK
