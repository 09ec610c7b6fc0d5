"""To which layer the samples of a profile are counted."""

from __future__ import annotations

import pytest

from bench.layers import shares

LOOP = "main (/x/jobframe/cli/main.py:1);run (/x/arq/worker.py:313)"
THREAD = "Thread._bootstrap (/x/lib/threading.py:1002)"


@pytest.mark.parametrize(
    ("stack", "layer"),
    [
        (f"{THREAD};document (/x/jobframe_ingest/jobs.py:99);split (/x/jobframe_ingest/chunking.py:21)", "parsing"),
        (f"{THREAD};embed (/x/jobframe_reembed/static_model.py:9);tokenize (/x/wordllama/inference.py:5)", "model"),
        (f"{THREAD};put (/x/jobframe_ingest/corpus.py:9);write (/x/jobframe_ingest/database.py:5)", "corpus"),
        (f"{THREAD};fetch (/x/jobframe_ingest/fetch.py:9);open (/x/fsspec/local.py:5)", "sources"),
        (f"{LOOP};_attempt (/x/jobframe/runtime/execution.py:200)", "framework"),
        (LOOP, "framework"),
    ],
)
def test_a_sample_belongs_to_its_innermost_known_layer(stack, layer):
    assert 1.0 == shares([f"{stack} 3"])[layer]


@pytest.mark.parametrize(
    "stack",
    [
        "",
        "main (/x/jobframe/cli/main.py:1)",
        f"{LOOP};_find_and_load (<frozen importlib._bootstrap>:1176)",
        f"{THREAD};Condition.wait (/x/lib/threading.py:327)",
        f"{THREAD};DaemonThreads._serve (/x/jobframe/runtime/daemon_threads.py:57)",
        f"{THREAD};_worker (/x/lib/concurrent/futures/thread.py:81)",
    ],
)
def test_start_end_imports_and_waits_are_left_out(stack):
    counted = shares([f"{stack} 7", f"{LOOP} 1"])

    assert 1.0 == counted["framework"] == sum(counted.values())


def test_shares_are_of_all_samples_that_count():
    counted = shares([f"{LOOP} 1", f"{THREAD};split (/x/jobframe_ingest/chunking.py:21) 3"])

    assert (0.75, 0.25) == (counted["parsing"], counted["framework"])
