"""The JSON and the Prometheus text of a snapshot."""

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from jobframe.status.metrics import metrics
from jobframe.status.prometheus import exposition

COUNT_KEYS = (
    "active", "waiting", "failed", "delayed", "parked",
    "completed", "cancelled", "retried", "crashed", "interrupted", "expired",
)  # fmt: skip


def test_the_counts_of_all_types_are_added_up(make):
    found = metrics(
        make.snapshot(
            make.type("a", active=1, waiting=2, failed=3, completed=40, failures=5),
            make.type("b", waiting=10, delayed=7, retried=1, failures=6),
            workers=[make.worker("w1"), make.worker("w2", alive=False), make.worker("w3")],
        )
    )

    assert found["jobs"] == dict.fromkeys(COUNT_KEYS, 0) | {
        "active": 1, "waiting": 12, "failed": 3, "delayed": 7, "completed": 40, "retried": 1,
    }  # fmt: skip
    assert (found["workers"], found["totals"]) == ({"alive": 2, "stale": 1}, {"failed": 11})


def test_a_type_shows_exactly_what_the_contract_names(make):
    stats = make.type(
        "a", active=2, completed=90, expired=2, failures=12, failed_today=4, oldest_waiting_ms=2500, limit=4,
        paused=True, waits={0: 1, 40: 1}, runs={40: 100},
    )  # fmt: skip

    found = metrics(make.snapshot(stats))["types"]["a"]

    assert {**dict.fromkeys(COUNT_KEYS, 0), "active": 2, "completed": 90, "expired": 2} == {
        key: found.pop(key) for key in COUNT_KEYS
    }
    assert found == {
        "wait_p50_ms": 0.6, "wait_p95_ms": 1116.7, "run_p95_ms": 1206.2, "oldest_waiting_s": 2.5, "success_rate": 0.9,
        "failed_today": 4, "limit": 4, "in_use": 2, "paused": True,
    }  # fmt: skip


def test_what_is_not_known_is_null(make):
    found = metrics(make.snapshot(make.type("a")))["types"]["a"]

    assert {key for key, value in found.items() if value is None} == {
        "wait_p50_ms", "wait_p95_ms", "run_p95_ms", "oldest_waiting_s", "success_rate", "limit",
    }  # fmt: skip


def samples(text, parser=parse):
    return {(s.name, *sorted(s.labels.items())): s.value for family in parser(text) for s in family.samples}


def rendered(make):
    return make.snapshot(
        make.type("a", active=2, failed=3, completed=9, failures=4, waits={0: 5, 40: 2}, runs={105: 1}),
        make.type("x1", announced=False, waiting=1, oldest_waiting_ms=2000),
        make.type("x2", announced=False, waiting=2, oldest_waiting_ms=1000),
        workers=[make.worker()],
    )


def test_prometheus_reads_back_what_was_counted(make):
    text, content_type = exposition(rendered(make), "")
    found = samples(text.decode())

    assert content_type.startswith("text/plain; version=0.0.4")
    assert found["jobframe_jobs", ("state", "active"), ("type", "a")] == 2
    assert found["jobframe_jobs", ("state", "failed"), ("type", "a")] == 3
    assert found["jobframe_job_outcomes_total", ("outcome", "completed"), ("type", "a")] == 9
    assert found["jobframe_job_outcomes_total", ("outcome", "failed"), ("type", "a")] == 4
    assert found["jobframe_workers", ("state", "alive")] == 1


def test_prometheus_histograms_have_twelve_bounds_and_their_count_and_sum(make):
    found = samples(exposition(rendered(make), "")[0].decode())
    buckets = {
        dict(labels)["le"]: value
        for (name, *labels), value in found.items()
        if name == "jobframe_job_wait_seconds_bucket" and ("type", "a") in labels
    }

    assert [0.004 * 4**power for power in range(12)] == [float(bound) for bound in buckets if bound != "+Inf"]
    assert (buckets["0.004"], buckets["1.024"], buckets["4.096"], buckets["+Inf"]) == (5, 5, 7, 7)
    assert found["jobframe_job_wait_seconds_count", ("type", "a")] == 7
    assert 2.0 < found["jobframe_job_wait_seconds_sum", ("type", "a")] < 2.5
    assert found["jobframe_job_run_seconds_bucket", ("le", "16777.216"), ("type", "a")] == 0


def test_types_that_nobody_announced_share_one_label(make):
    """Otherwise whoever writes to arq's queue could make new series at will."""
    text = exposition(rendered(make), "")[0].decode()
    found = samples(text)

    assert found["jobframe_jobs", ("state", "waiting"), ("type", "other")] == 3
    assert found["jobframe_oldest_waiting_seconds", ("type", "other")] == 2
    assert "x1" not in text


def test_openmetrics_is_spoken_when_asked_for(make):
    text, content_type = exposition(rendered(make), "application/openmetrics-text;version=1.0.0")
    found = samples(text.decode(), parse_openmetrics)

    assert content_type.startswith("application/openmetrics-text")
    assert found["jobframe_job_outcomes_total", ("outcome", "completed"), ("type", "a")] == 9
