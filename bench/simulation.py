"""A fleet of workers over one server, simulated from measured costs: who waits for whom at which rate."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Mapping
from itertools import count

import attrs

from bench.percentile import percentile

__all__ = ["Answer", "Costs", "Load", "simulate"]

_HOP_US = 60.0
"""From the end of a call in the server to the client's next line, and the other way: loopback or one switch."""


@attrs.frozen
class Costs:
    """
    What things cost, in microseconds of CPU; measured by `bench.figures`.

    Attributes:
        call: Verb → the server's for a call.
        job: Verb → the server's for each job in it.
        wake: The server's for a marker written and popped.
        idle: The server's share for one worker that does nothing: renewals, looks.
        worker: The worker's for one job.

    """

    call: Mapping[str, float]
    job: Mapping[str, float]
    wake: float
    idle: float
    worker: float


@attrs.frozen
class Load:
    """
    What is asked of the fleet.

    Attributes:
        workers: Worker processes.
        rate: Jobs per second that producers enqueue, evenly.
        batch: Jobs in one of their calls.
        job_us: How long a handler waits, without CPU.
        jobs: How many jobs to simulate; whole batches.
        max_jobs: Jobs at once in one worker.

    """

    workers: int
    rate: float
    batch: int = 1
    job_us: float = 0.0
    jobs: int = 20_000
    max_jobs: int = 100


@attrs.frozen
class Answer:
    """
    What came of it.

    Attributes:
        keeps_up: Whether the last job was settled about when it was enqueued: no backlog grew.
        server_busy: Share of the time that the server's core was busy.
        p50_ms: From enqueue to the handler's start.
        p99_ms: The same.

    """

    keeps_up: bool
    server_busy: float
    p50_ms: float
    p99_ms: float


def simulate(costs: Costs, load: Load) -> Answer:
    """Run *load* until its last job is settled."""
    return _Simulation(costs, load).run()


@attrs.define(eq=False)
class _Worker:
    taken: int = 0
    claiming: bool = False
    settling: bool = False
    more: bool = False
    ended: int = 0
    cpu_free: float = 0.0


class _Simulation:
    def __init__(self, costs: Costs, load: Load) -> None:
        self.costs, self.load = costs, load
        self.slower = 1 / max(1e-6, 1 - load.workers * costs.idle / 1e6)  # the rest goes to the idle work of all
        self.now = 0.0
        self.busy = 0.0
        self.server_free = True
        self.calls: deque[Callable[[], tuple[float, Callable[[], None]]]] = deque()
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.order = count()
        self.waiting: deque[float] = deque()
        self.resting = deque(_Worker() for _ in range(load.workers))
        self.marker = False
        self.late_us: list[float] = []
        self.settled = 0

    def run(self) -> Answer:
        every_us = 1e6 * self.load.batch / self.load.rate
        for number in range(self.load.jobs // self.load.batch):
            self.at(number * every_us, lambda: self.send(self.enqueue))
        while self.events:
            self.now, _, happen = heapq.heappop(self.events)
            happen()
        if self.settled != self.load.jobs:
            raise AssertionError(f"{self.load.jobs - self.settled} jobs were forgotten: the model is wrong")
        offered_us = self.load.jobs * 1e6 / self.load.rate
        late = sorted(self.late_us)
        return Answer(
            keeps_up=self.now < 1.03 * offered_us + 5_000 + self.load.job_us,
            server_busy=min(1.0, self.busy / self.now + self.load.workers * self.costs.idle / 1e6),
            p50_ms=percentile(late, 50) / 1e3,
            p99_ms=percentile(late, 99) / 1e3,
        )

    def at(self, moment: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self.events, (moment, next(self.order), happen))

    # the server: one call after another

    def send(self, call: Callable[[], tuple[float, Callable[[], None]]]) -> None:
        self.calls.append(call)
        if self.server_free:
            self.serve()

    def serve(self) -> None:
        self.server_free = not self.calls
        if self.calls:
            cost, answered = self.calls.popleft()()
            self.busy += cost
            self.at(self.now + cost * self.slower, self.serve)
            self.at(self.now + cost * self.slower + _HOP_US, answered)

    def cost(self, verb: str, jobs: int) -> float:
        return self.costs.call[verb] + jobs * self.costs.job[verb]

    def wake(self) -> float:
        """Write the marker, which a resting worker pops; it costs only when there is none."""
        if self.marker:
            return 0.0
        if self.resting:
            worker = self.resting.popleft()
            self.at(self.now + _HOP_US, lambda: self.look(worker))
        else:
            self.marker = True
        return self.costs.wake

    def enqueue(self) -> tuple[float, Callable[[], None]]:
        self.waiting.extend([self.now] * self.load.batch)
        return self.cost("enqueue", self.load.batch) + self.wake(), lambda: None

    # a worker: one claim and one settle in flight

    def look(self, worker: _Worker) -> None:
        if not worker.claiming and worker.taken < self.load.max_jobs:
            worker.claiming = True
            self.at(self.now + _HOP_US, lambda: self.send(lambda: self.claim(worker)))

    def claim(self, worker: _Worker) -> tuple[float, Callable[[], None]]:
        room = self.load.max_jobs - worker.taken
        jobs = [self.waiting.popleft() for _ in range(min(len(self.waiting), room))]
        worker.taken += len(jobs)
        worker.more = bool(self.waiting)
        cost = self.cost("claim", len(jobs)) + (self.wake() if worker.more else 0.0)
        return cost, lambda: self.take(worker, jobs)

    def take(self, worker: _Worker, jobs: list[float]) -> None:
        worker.claiming = False
        for enqueued in jobs:
            start = max(self.now, worker.cpu_free)
            worker.cpu_free = start + self.costs.worker
            self.late_us.append(start - enqueued)
            self.at(worker.cpu_free + self.load.job_us, lambda: self.end(worker))
        worker.more |= worker.taken == self.load.max_jobs  # it looks when there is room, and rests till then
        if worker.more:
            self.look(worker)
        elif self.marker:
            self.marker = False
            self.look(worker)
        else:
            self.resting.append(worker)

    def end(self, worker: _Worker) -> None:
        worker.ended += 1
        if not worker.settling:
            worker.settling = True
            self.at(self.now + _HOP_US, lambda: self.send(lambda: self.settle(worker)))

    def settle(self, worker: _Worker) -> tuple[float, Callable[[], None]]:
        jobs, worker.ended = worker.ended, 0
        return self.cost("settle", jobs), lambda: self.free(worker, jobs)

    def free(self, worker: _Worker, jobs: int) -> None:
        worker.settling = False
        worker.taken -= jobs
        self.settled += jobs
        if worker.ended:
            worker.ended -= 1
            self.end(worker)
        if worker.more:
            self.look(worker)
