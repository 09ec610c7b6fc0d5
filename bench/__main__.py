"""``python -m bench``: measure, print the table, and keep the results."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

from bench import measurements, report, scaling
from bench.figure import Run
from bench.machine import describe
from jobframe.core import clock

_HERE = Path(__file__).parent
_DOCS = _HERE.parent / "docs"
_RESULTS = _HERE / "results.json"
_LONGEST_ROUND_S = 900.0
_PERFORMANCE = """# Performance

`make bench` measures what stands here, on throw-away servers, and writes the table: each figure is of a module in
`bench/figures` that says how it is measured. Absolute numbers hold for one machine on one day: compare ratios, and run
it where nothing else runs. `.venv/bin/python -m bench drain latency` measures only these two and writes nothing.
"""


def main() -> None:
    """Measure what was asked for, round by round, so that a drift of the machine touches all alike."""
    asked = _arguments()
    names = asked.names or list(measurements.NAMES)
    if asked.here:
        print(json.dumps(measurements.measure(names[0], Run(asked.quick, asked.minutes))))
        return
    values: dict[str, list[float]] = {}
    for number in range(asked.rounds):
        for name in names:
            if number < measurements.find(name).ROUNDS:
                print(f"round {number + 1}: {name}", file=sys.stderr)
                for key, value in _measure_apart(name, asked).items():
                    values.setdefault(key, []).append(value)
    results = {
        "machine": describe(),
        "date": clock.from_ms(clock.wall_ms()).date().isoformat(),
        "quick": asked.quick,
        "values": values,
    }
    text = report.table(results, measurements.all_figures())
    print(text)
    if not asked.write:
        return
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    report.put_into(_DOCS / "performance.md", _PERFORMANCE, text)
    report.put_into(_DOCS / "scaling.md", "# Scaling\n", scaling.table(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure jobframe on throw-away servers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of: {', '.join(measurements.NAMES)}")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; slow measurements are made once (default 3)")
    parser.add_argument("--quick", action="store_true", help="only see that it works: figures mean nothing")
    parser.add_argument("--minutes", type=float, default=10.0, help="how long worker_memory works (default 10)")
    parser.add_argument(
        "--write", action="store_true", help="write bench/results.json, docs/performance.md and docs/scaling.md"
    )
    parser.add_argument("--here", action="store_true", help="measure NAME once in this process and print JSON")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(measurements.NAMES)
    if unknown:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    if asked.write and (asked.names or asked.quick):
        parser.error("--write takes every measurement, and not --quick: the pages show one whole run")
    if asked.here and len(asked.names) != 1:
        parser.error("--here takes one NAME")
    return asked


def _measure_apart(name: str, asked: argparse.Namespace) -> dict[str, float]:
    """Measure in a process of its own: what one leaves behind in memory must not slow the next."""
    command = [sys.executable, "-m", "bench", name, "--here", "--minutes", str(asked.minutes)]
    bound_s = _LONGEST_ROUND_S + 60 * asked.minutes
    done = subprocess.run(
        [*command, *(["--quick"] if asked.quick else [])],
        cwd=_HERE.parent,
        stdout=subprocess.PIPE,
        check=True,
        timeout=bound_s,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    main()
