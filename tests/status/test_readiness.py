"""The verdict on every kind of trouble, and the reason given."""

import pytest

from jobframe.status.readiness import Check, Verdict, check_fleet, check_plugins, check_server, check_worker, worst

OK, DEGRADED, FAILING = Verdict.OK, Verdict.DEGRADED, Verdict.FAILING


def verdicts(checks):
    return {check.name: check.verdict for check in checks}


def reason(checks, name):
    return next(check.reason for check in checks if check.name == name)


@pytest.mark.parametrize(
    ("heartbeat_age_ms", "lag_ms", "heartbeat", "loop"),
    [
        (0, 0, OK, OK),
        (11_999, 4_999, OK, OK),
        (12_000, 0, FAILING, OK),
        (None, 0, FAILING, OK),
        (100, 5_000, OK, FAILING),
        (60_000, 60_000, FAILING, FAILING),
    ],
)
def test_a_worker_fails_without_its_lease_or_with_a_blocked_loop(heartbeat_age_ms, lag_ms, heartbeat, loop):
    found = verdicts(check_worker(heartbeat_age_ms, 12_000, lag_ms))

    assert found == {"heartbeat": heartbeat, "loop": loop}


@pytest.mark.parametrize(
    ("durability", "aof", "evicts", "expected"),
    [
        ("aof", True, False, OK),
        ("aof", False, False, DEGRADED),
        ("aof", True, True, DEGRADED),
        ("best-effort", False, False, OK),
        ("best-effort", False, True, OK),
    ],
)
def test_durability_is_judged_by_what_was_asked_for(make, durability, aof, evicts, expected):
    found = verdicts(check_server(make.snapshot(aof=aof, evicts=evicts), durability))

    assert found == {"durability": expected, "memory": OK}


def test_without_a_replica_replicated_degrades_and_with_one_says_how_many(make):
    alone, followed = (list(check_server(make.snapshot(aof=True, replicas=n), "replicated")) for n in (0, 1))

    assert verdicts(alone)["durability"] is DEGRADED
    assert "no replica follows" in reason(alone, "durability")
    assert verdicts(followed)["durability"] is OK
    assert "append-only file on, replicas: 1" == reason(followed, "durability")


def test_a_full_server_degrades(make):
    checks = list(check_server(make.snapshot(full=True), "aof"))

    assert verdicts(checks)["memory"] is DEGRADED
    assert "enqueueing is refused" in reason(checks, "memory")


@pytest.mark.parametrize(
    ("alive", "stale", "expected", "text"),
    [
        (2, 0, OK, "2 alive"),
        (0, 0, DEGRADED, "no worker is alive"),
        (0, 1, DEGRADED, "no worker is alive"),
        (2, 1, DEGRADED, "2 alive, 1 stale, the longest silent for 30.0 s"),
    ],
)
def test_the_fleet_degrades_without_workers_or_with_stale_ones(make, alive, stale, expected, text):
    workers = [make.worker(f"a{n}") for n in range(alive)]
    workers += [make.worker(f"s{n}", alive=False, age_ms=30_000) for n in range(stale)]
    checks = list(check_fleet(make.snapshot(workers=workers)))

    assert verdicts(checks)["workers"] is expected
    assert reason(checks, "workers").startswith(text)


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [({"waiting": 1}, DEGRADED), ({"delayed": 1}, DEGRADED), ({"failed": 1}, OK), ({}, OK)],
)
def test_a_type_with_jobs_that_nobody_runs_is_named(make, jobs, expected):
    snapshot = make.snapshot(make.type("new.type", **jobs), make.type("doc.embed", waiting=5), workers=[make.worker()])
    checks = list(check_fleet(snapshot))

    assert verdicts(checks)["types"] is expected
    assert ("new.type" in reason(checks, "types")) is (expected is DEGRADED)


def test_a_stale_worker_runs_nothing(make):
    workers = [make.worker("w1", types=("other",)), make.worker("w2", alive=False, types=("doc.embed",))]

    assert verdicts(check_fleet(make.snapshot(make.type(waiting=1), workers=workers)))["types"] is DEGRADED


def test_a_paused_type_degrades_and_is_named(make):
    checks = list(check_fleet(make.snapshot(make.type(paused=True), workers=[make.worker()])))

    assert (verdicts(checks)["paused"], reason(checks, "paused")) == (DEGRADED, "an operator paused doc.embed")


def test_many_names_are_cut_short(make):
    snapshot = make.snapshot(*(make.type(f"t{n}", paused=True) for n in range(8)), workers=[make.worker()])

    assert reason(check_fleet(snapshot), "paused") == "an operator paused t0, t1, t2, t3, t4 and 3 more"


def test_a_plugins_own_trouble_degrades_in_one_bounded_line():
    checks = list(check_plugins({"ingest.corpus": None, "sync.disk": "line\nbreak " + 1000 * "x"}))

    assert verdicts(checks) == {"plugin ingest.corpus": OK, "plugin sync.disk": DEGRADED}
    assert checks[1].reason == ("line break " + 1000 * "x")[:200]


@pytest.mark.parametrize(
    ("verdicts_found", "expected"),
    [((), OK), ((OK, OK), OK), ((OK, DEGRADED), DEGRADED), ((DEGRADED, FAILING, OK), FAILING)],
)
def test_the_worst_verdict_counts(verdicts_found, expected):
    assert worst(Check("x", verdict, "") for verdict in verdicts_found) is expected


def test_workers_whose_files_say_something_else_degrade_with_their_types(make):
    workers = [make.worker("w1", differs=("b", "a")), make.worker("w2"), make.worker("w3", alive=False, differs=("c",))]
    checks = list(check_fleet(make.snapshot(workers=workers)))

    assert verdicts(checks)["policy"] is DEGRADED
    assert "the files of 1 of 2 workers say another policy than is in force for a, b" in reason(checks, "policy")
    assert verdicts(check_fleet(make.snapshot(workers=workers[1:])))["policy"] is OK
