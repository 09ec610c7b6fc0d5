"""A process for the tests of the host: arq's own command or ours, around something that says what happens to it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager

from jobframe.runtime.hangup import hold
from jobframe.runtime.worker import asked_for, run, worker_settings


class Talker:
    """Hosted: says each call, works until drained, needs ``DRAIN_S`` for that unless everything is given back."""

    def __init__(self):
        self.drained = asyncio.Event()

    async def start(self):
        say("start")
        await asyncio.sleep(float(os.environ.get("START_S", "0")))
        if "BROKEN" in os.environ:
            raise OSError(os.environ["BROKEN"])
        say("started")

    async def run(self):
        if asked_for("burst"):
            return
        await self.drained.wait()

    async def reload(self):
        say("reload")

    async def drain(self, grace_ms):
        say(f"drain {grace_ms}")
        try:
            await asyncio.wait_for(self.drained.wait(), float(os.environ.get("DRAIN_S", "0")))
        except TimeoutError:
            say("drained")
        self.drained.set()

    async def give_back(self):
        say("give back")
        if "STUCK" not in os.environ:
            self.drained.set()


def say(word):
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


@asynccontextmanager
async def opened():
    say("open")
    try:
        yield Talker()
    finally:
        say("close")


hold()
URL = os.environ.get("URL", "unix:///nowhere")
WorkerSettings = worker_settings(opened, URL, "host", 2500, burst=asked_for("burst"))

if __name__ == "__main__":
    run(WorkerSettings)
    sys.exit(0)
