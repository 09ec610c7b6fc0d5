"""
A producer as a process of its own: enqueues jobs of equal fields again and again, and says what it was answered.

Its arguments: server, namespace, job type, number of different jobs, how often each, its own number. It says "ready"
when it is connected, and begins when its input ends. It answers how many jobs it made, and for each text the ids that
it was told.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict

from jobframe.client.jobs import Jobs
from jobframe.store.store import Store


async def produce(jobs: Jobs, type: str, keys: int, times: int, number: int) -> dict[str, object]:
    made, told = 0, defaultdict(set)
    for turn in range(times):
        first = 97 * number + 31 * turn  # each begins elsewhere
        texts = [str((first + n) % keys) for n in range(keys)]
        at_once = keys if turn else 1  # at first one by one, so that the producers overtake each other
        for start in range(0, keys, at_once):
            some = texts[start : start + at_once]
            handles = await jobs.enqueue_many([(type, {"text": text, "n": number}) for text in some])
            made += sum(handle.created for handle in handles)
            for text, handle in zip(some, handles, strict=True):
                told[text].add(handle.id)
    return {"made": made, "told": {text: list(ids) for text, ids in told.items()}}


async def main(url: str, namespace: str, type: str, *numbers: str) -> None:
    jobs = Jobs(Store(url, namespace))
    try:
        await jobs.counts()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        sys.stdout.write(json.dumps(await produce(jobs, type, *map(int, numbers))))
    finally:
        await jobs.aclose()
        await jobs.store.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
