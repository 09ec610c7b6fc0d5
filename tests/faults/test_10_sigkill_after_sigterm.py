"""Row 10: SIGTERM, and SIGKILL a second later, while every answer takes half a second; what was not told runs again."""

from __future__ import annotations

import pytest

from tests.faults.form import FULL, load
from tests.faults.under_load import IN_FLIGHT, PATIENCE_S, RUNTIME, TIMEOUT_S, nothing_left, tell
from tests.fleet.killer import kill_one
from tests.fleet.workers import until

JOBS = load(2_000)
KILLS = 5 if FULL else 1
SLOW_S = 0.5
MS = 700
"""Half of the jobs end between the signals, and the answer to that is under way at the second one; half are held."""

pytestmark = pytest.mark.timeout(TIMEOUT_S)


async def test_nothing_is_lost_by_a_worker_that_is_killed_while_it_stops(fleet, network):
    fleet.configure(**RUNTIME | {"max_jobs": 100})
    await fleet.start(2)
    await fleet.enqueue(1)
    await fleet.ended()  # by now the server knows the scripts, and one call is one way there and back
    network.slow_down(SLOW_S, SLOW_S)
    jobs, kills = [], []
    for kill in range(KILLS):
        gate = f"kill{kill}"
        pair = ("work.loop", {"do": "sleep", "n": MS}), ("work.other", {"do": "hold", "text": gate})
        jobs += [handle.id for handle in await fleet.jobs.enqueue_many(pair * (JOBS // KILLS // 2))]
        kills.append(await kill_one(fleet, type="work.other", at_least=2 * IN_FLIGHT, sigterm_s=1))
        fleet.spawn()
        fleet.ledger.open_gate(gate)
    await until(lambda: nothing_left(fleet), "every job has ended", PATIENCE_S)
    counts, starts = await fleet.jobs.counts(), fleet.ledger.starts()
    in_flight, repeated = [len(kill.held) for kill in kills], starts.total() - len(starts)

    tell(f"in flight at the kills: {in_flight}; {repeated} ran again; {network.slowed} answers came late")
    assert network.slowed >= IN_FLIGHT * KILLS, "answers were late"
    assert all(count >= IN_FLIGHT for count in in_flight)
    assert all("worker stopping" in _log_of(fleet, kill) for kill in kills), "it had heard SIGTERM"
    assert not set(jobs) - set(starts)
    assert repeated <= sum(in_flight)
    assert (JOBS + 1, sum(in_flight), 0) == tuple(counts[name] for name in ("completed", "crashed", "retried"))


def _log_of(fleet, kill):
    (worker,) = [each for each in fleet.workers if each.pid == kill.pid]
    return worker.said()
