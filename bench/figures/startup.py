"""How long processes take to be of use: the median of ten, the interpreter's own start included."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.deployment import Deployment, deployed, until, write_plugin
from bench.figure import Figure, Run
from bench.server import server

__all__ = ["FIGURES", "ROUNDS", "measure"]

FIGURES = (
    Figure("startup.help", "jobframe --help", "ms", "≤ 150"),
    Figure("startup.import", "import jobframe", "ms", "≤ 50"),
    Figure("startup.worker", "worker with 20 plugins, start to the first handler's call", "ms", "≤ 1000"),
)
ROUNDS = 3
_PLUGINS = 20
_PLUGIN = '''
import attrs
import jobframe

@attrs.frozen
class Payload:
    text: str = ""

@jobframe.job("plugin{number:02}.run", timeout="2m")
async def run(ctx: jobframe.Context, payload: Payload) -> None:
    """Do nothing."""

@jobframe.hookimpl
def jobframe_job_types():
    return [run]
'''


async def measure(run: Run) -> dict[str, float]:
    """Start each command some times."""
    times, command = run.size(10, 2), Path(sys.executable).with_name("jobframe")
    helped = median(_run_ms(str(command), "--help") for _ in range(times))
    imported = median(_run_ms(sys.executable, "-c", "import jobframe") for _ in range(times))
    with server() as one:
        async with deployed(one) as deployment:
            plugins = [f"jobframe-plugin{number:02}" for number in range(_PLUGINS - 1)]
            for number, name in enumerate(plugins):
                (deployment.folder / f"plugin{number:02}.py").write_text(_PLUGIN.format(number=number))
                write_plugin(deployment.folder, name, f"plugin{number:02}")
            deployment.configure(plugins=("jobframe-bench", *plugins))
            deployment.announce()
            claimed = median([await _first_call_ms(deployment) for _ in range(times)])
    return {"startup.help": helped, "startup.import": imported, "startup.worker": claimed}


def _run_ms(*command: str) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return 1e3 * (time.monotonic() - began)


async def _first_call_ms(deployment: Deployment) -> float:
    await deployment.enqueue(1)
    before, began = len(deployment.ledger("first")), time.monotonic()
    worker = deployment.start()
    await until(lambda: len(deployment.ledger("first")) > before, "the worker's first call", worker.check)
    worker.stop()
    deployment.workers.clear()
    return 1e3 * (1e-9 * deployment.ledger("first")[-1][0] - began)
