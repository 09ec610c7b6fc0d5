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
        first, *later = manner.removeprefix("exit").split("-")
        return int(later[0] if later and len(list(folder.glob("started-*"))) > 1 else first)
    for count in range(1, 4):
        note(f"signal{count}-{signal.sigwait({signal.SIGTERM, signal.SIGINT})}")
        if manner == "polite" or (manner == "slow" and count == 2):
            return 0
    return 9


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
