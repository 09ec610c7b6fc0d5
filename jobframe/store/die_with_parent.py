"""Run as a script: replace this process by a server that gets SIGTERM when the thread that started it ends."""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def _main(parent: int, command: list[str]) -> None:
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - only Linux has the call, and some builds of Python lack ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the call: the signal will never come
            return
    if hasattr(signal, "SIGHUP"):  # its default would end a worker that has not come to hear it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    os.execv(command[0], command)  # noqa: S606 - no shell is the point: the process id stays the same


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2:])
