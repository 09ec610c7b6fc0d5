"""The lag of an event loop, measured from another thread."""

import asyncio
import threading

import pytest

from jobframe.status.liveness import LoopWatch

PATIENCE_S = 10


@pytest.fixture
def loop():
    """A loop that turns in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join(PATIENCE_S)
    loop.close()


def turned(loop):
    """Wait until the loop has run all that it was given before."""
    done = threading.Event()
    loop.call_soon_threadsafe(done.set)
    assert done.wait(PATIENCE_S)


def test_a_blocked_loop_shows_while_it_is_blocked(loop):
    now = [100.0]
    watch = LoopWatch(loop, lambda: now[0])
    blocked, release = threading.Event(), threading.Event()

    def block():
        blocked.set()
        release.wait(PATIENCE_S)

    loop.call_soon_threadsafe(block)
    assert blocked.wait(PATIENCE_S)
    watch.ask()
    now[0] += 7.5
    watch.ask()  # does not make it look younger

    assert watch.lag_ms() == 7500

    release.set()
    turned(loop)
    assert watch.lag_ms() == 7500
    watch.ask()
    turned(loop)
    assert watch.lag_ms() == 0


def test_a_loop_that_has_ended_is_not_asked():
    ended = asyncio.new_event_loop()
    ended.close()
    watch = LoopWatch(ended)
    watch.ask()

    assert watch.lag_ms() == 0
