"""A process for the tests of the fleet: leaves a file named after each thing that happens to it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path


def main(folder: Path, manner: str) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    note = lambda word: (folder / f"{word}-{os.getpid()}").touch()  # noqa: E731 - a word and nothing more
    note("started")
    if manner.startswith("exit"):
        return int(manner.removeprefix("exit"))
    for count in range(1, 4):
        note(f"signal{count}-{signal.sigwait({signal.SIGTERM, signal.SIGINT})}")
        if manner == "polite" or (manner == "slow" and count == 2):
            return 0
    return 9


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
