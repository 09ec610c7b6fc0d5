"""
The server's CPU for each kind of call, script and socket, as a fixed part and a part a job, from calls of 1 and of 100.

`bench.scaling` computes with these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bench.figure import Figure, Run
from bench.hands import Hands
from bench.server import Server, server

__all__ = ["FIGURES", "ROUNDS", "measure"]

_VERBS = ("enqueue", "claim", "settle")
FIGURES = (
    *(Figure(f"calls.{verb}.call", f"server CPU, {verb}, a call", "µs") for verb in _VERBS),
    *(Figure(f"calls.{verb}.job", f"server CPU, {verb}, and a job in it", "µs") for verb in _VERBS),
    Figure("calls.renew", "server CPU, renewal of a lease", "µs"),
    Figure("calls.wake", "server CPU, marker written and popped", "µs"),
)
ROUNDS = 3
_LARGE = 100


async def measure(run: Run) -> dict[str, float]:
    """Make many calls of each kind and size, and none else in between."""
    single, large = run.size(2_000, 100), run.size(100, 5)
    with server() as one:
        hands = Hands(one.url, "calls")
        try:
            await hands.join()
            await _verbs_us(one, hands, 1, single // 10)  # loads the scripts
            of_one, of_many = await _verbs_us(one, hands, 1, single), await _verbs_us(one, hands, _LARGE, large)
            renewal = await _each_us(one, single, hands.renew)
            marker = await _each_us(one, single, lambda: _pass_marker(hands))
        finally:
            await hands.aclose()
    figures = {"calls.renew": renewal, "calls.wake": marker}
    for verb in _VERBS:
        job = (of_many[verb] - of_one[verb]) / (_LARGE - 1)
        figures |= {f"calls.{verb}.job": job, f"calls.{verb}.call": of_one[verb] - job}
    return figures


async def _verbs_us(one: Server, hands: Hands, size: int, times: int) -> dict[str, float]:
    """Take *times* batches of *size* jobs through their life, one verb after the other."""
    claimed = []

    async def claim() -> None:
        claimed.append(await hands.claim(size))

    return {
        "enqueue": await _each_us(one, times, lambda: hands.enqueue(size)),
        "claim": await _each_us(one, times, claim),
        "settle": await _each_us(one, times, lambda: hands.complete(claimed.pop())),
    }


async def _each_us(one: Server, times: int, call: Callable[[], Awaitable[None]]) -> float:
    before = one.cpu_s()
    for _ in range(times):
        await call()
    return 1e6 * (one.cpu_s() - before) / times


async def _pass_marker(hands: Hands) -> None:
    redis, key = hands.store.redis, hands.store.keys.wake("bench")
    await redis.execute_command("ZADD", key, 1, "m")  # type: ignore[no-untyped-call] # redis-py
    await redis.execute_command("BZPOPMIN", key, 1)  # type: ignore[no-untyped-call] # redis-py
