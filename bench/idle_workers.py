"""Run as a script: several idle workers in one process, which tells the CPU it has used for each line it gets."""

from __future__ import annotations

import asyncio
import sys
import time

from jobframe.project import load_project
from jobframe.runtime import logs
from jobframe.runtime.worker import prefer_uvloop
from jobframe.wiring import build_runtime


async def _main(count: int) -> None:
    project = load_project()
    url = project.config.redis.url
    if url is None:
        raise SystemExit("jobs.toml names no server")
    logs.configure("console", "WARNING")  # stdout is for answers
    runtimes = [build_runtime(project, url) for _ in range(count)]
    for runtime in runtimes:
        await runtime.start()
    running = [asyncio.create_task(runtime.run()) for runtime in runtimes]
    while await asyncio.to_thread(sys.stdin.readline):
        print(time.process_time(), flush=True)
    await asyncio.gather(*(runtime.drain(0) for runtime in runtimes))
    await asyncio.gather(*running)


if __name__ == "__main__":
    prefer_uvloop()
    asyncio.get_event_loop_policy().get_event_loop().run_until_complete(_main(int(sys.argv[1])))
