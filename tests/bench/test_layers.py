"""To which layer the samples of a profile are counted."""

from __future__ import annotations

import pytest

from bench.layers import shares

THREAD = "Thread._bootstrap (/x/lib/threading.py:1002)"


@pytest.mark.parametrize(
    ("frames", "layer"),
    [
        ("document (/x/jobframe_ingest/jobs.py:99);split (/x/jobframe_ingest/chunking.py:21)", "parsing"),
        ("embed (/x/jobframe_reembed/static_model.py:9);tokenize (/x/wordllama/inference.py:5)", "model"),
        ("put (/x/jobframe_ingest/corpus.py:9);write (/x/jobframe_ingest/database.py:5)", "corpus"),
        ("fetch (/x/jobframe_ingest/fetch.py:9);open (/x/fsspec/local.py:5)", "sources"),
        ("_call (/x/jobframe/runtime/daemon_threads.py:80)", "framework"),
    ],
)
def test_a_sample_belongs_to_its_innermost_known_layer(frames, layer):
    assert 1.0 == shares([f"{THREAD};{frames} 3"], 0.0)[layer]


@pytest.mark.parametrize(
    "stack",
    [
        "",
        "run (/x/arq/worker.py:313);split (/x/jobframe_ingest/chunking.py:21)",
        f"{THREAD};_find_and_load (<frozen importlib._bootstrap>:1176)",
        f"{THREAD};Condition.wait (/x/lib/threading.py:327)",
        f"{THREAD};DaemonThreads._serve (/x/jobframe/runtime/daemon_threads.py:57)",
        f"{THREAD};_worker (/x/lib/concurrent/futures/thread.py:81)",
    ],
)
def test_the_loops_thread_imports_and_waits_are_left_out_of_the_profile(stack):
    counted = shares([f"{stack} 7", f"{THREAD};split (/x/jobframe_ingest/chunking.py:21) 1"], 0.0)

    assert 1.0 == counted["parsing"] == sum(counted.values())


def test_the_loops_thread_is_the_frameworks_by_the_kernels_count():
    counted = shares([f"{THREAD};x (/x/y.py:1) 1", f"{THREAD};split (/x/jobframe_ingest/chunking.py:21) 3"], 0.2)

    assert pytest.approx(0.2 + 0.8 * 0.25) == counted["framework"]
    assert pytest.approx(0.8 * 0.75) == counted["parsing"]
