"""
A producer as a process of its own: enqueues jobs of equal fields again and again, and says how many it made.

Its arguments: server, namespace, job type, number of different jobs, how often each, its own number. It says "ready",
and begins when its input ends.
"""

from __future__ import annotations

import asyncio
import sys

from jobframe.client.jobs import Jobs
from jobframe.store.store import Store


async def produce(url: str, namespace: str, type: str, keys: int, times: int, number: int) -> int:
    jobs, made = Jobs(Store(url, namespace)), 0
    try:
        for turn in range(times):
            first = 97 * number + 31 * turn  # each begins elsewhere
            texts = [str((first + n) % keys) for n in range(keys)]
            handles = await jobs.enqueue_many([(type, {"text": text, "n": number}) for text in texts])
            made += sum(handle.created for handle in handles)
    finally:
        await jobs.aclose()
        await jobs.store.aclose()
    return made


if __name__ == "__main__":
    url, namespace, name, *numbers = sys.argv[1:]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    sys.stdout.write(str(asyncio.run(produce(url, namespace, name, *map(int, numbers)))))
