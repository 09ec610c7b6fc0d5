"""The model of a fleet obeys what can be reckoned without it."""

from __future__ import annotations

import attrs
import pytest

from bench.scaling import costs_of, highest_rate, table
from bench.simulation import Costs, Load, simulate

VERBS = ("enqueue", "claim", "settle")
COSTS = Costs(call=dict.fromkeys(VERBS, 50.0), job=dict.fromkeys(VERBS, 4.0), wake=20.0, idle=60.0, worker=15.0)
RESULTS = {
    "date": "2026-01-02",
    "machine": "a box",
    "values": {
        **{f"calls.{verb}.call": [50.0] for verb in VERBS},
        **{f"calls.{verb}.job": [4.0] for verb in VERBS},
        "calls.wake": [20.0],
        "idle.server_us": [60.0],
        "drain": [1e6 / 15],
        "memory": [230.0],
        "redis_cpu.1": [12.5],
        "redis_cpu.200": [16.0],
    },
}


def test_the_costs_come_from_the_results():
    assert COSTS == attrs.evolve(costs_of(RESULTS), worker=15.0)


@pytest.mark.parametrize("workers", [1, 8, 200])
def test_a_light_load_is_kept_up_with(workers):
    answer = simulate(COSTS, Load(workers, 500, jobs=1_000))

    assert answer.keeps_up
    assert answer.server_busy < 0.3
    assert answer.p50_ms <= answer.p99_ms < 1.5


def test_one_worker_is_the_limit_while_the_server_has_time():
    costs = attrs.evolve(COSTS, worker=100.0)

    assert not simulate(costs, Load(1, 12_000, batch=100)).keeps_up
    assert simulate(costs, Load(1, 8_000, batch=100)).keeps_up


def test_no_fleet_is_faster_than_the_server():
    most = 1e6 / (sum(COSTS.job.values()) + 50.0 / 100 + 2 * 50.0 / 100)

    assert highest_rate(COSTS, 16, 100) < 1.1 * most
    assert highest_rate(COSTS, 16, 1) < highest_rate(COSTS, 16, 100)


def test_idle_workers_take_their_share_of_the_server():
    assert simulate(COSTS, Load(5_000, 100, jobs=200)).server_busy > 0.3


def test_a_job_that_waits_in_its_handler_takes_a_place_of_its_worker():
    slow = Load(1, 3_000, batch=10, job_us=100_000, max_jobs=100, jobs=2_000)  # 100 places, 10 jobs/s each

    assert not simulate(COSTS, slow).keeps_up
    assert simulate(COSTS, attrs.evolve(slow, rate=500)).keeps_up


def test_the_table_has_a_row_for_each_size_of_fleet(monkeypatch):
    monkeypatch.setattr("bench.scaling._FLEETS", (1, 16))
    monkeypatch.setattr("bench.scaling._STEPS", 3)

    text = table(RESULTS)

    assert "| jobs per second, whole life, one type | 80,000 |" in text
    assert "| memory a million waiting jobs, 64-byte payload | 230 MB |" in text
    assert 1 == text.count("\n| 1 |")
    assert 1 == text.count("\n| 16 |")
