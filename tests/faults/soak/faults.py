"""What happens to a soak every half minute: each is done, seen to have happened, and undone."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator

from redis.exceptions import RedisError

from jobframe.core.clock import wall_ms
from tests.faults.soak.soak import PATIENCE_S, Soak
from tests.faults.under_load import run_id
from tests.fleet.workers import until

IN_FLIGHT = 5
REPLIES = 5
HOUR_S, STEP_S = 3_600, 600


async def kill_a_worker(soak: Soak) -> str:
    victim, running = await busy(soak, soak.mortal)
    soak.fleet.kill(victim)
    soak.fleet.spawn()
    return f"{running} jobs in flight"


async def stop_a_worker(soak: Soak) -> str:
    victim = soak.dice.choice(soak.mortal())
    soak.fleet.spawn()
    victim.signal(signal.SIGTERM)
    assert 0 == await victim.exit_code(PATIENCE_S)
    return "ended well"


async def set_a_clock(soak: Soak) -> str:
    """An hour off when a worker starts in the place of another one, and set by ten minutes while it runs."""
    victim = soak.dice.choice(soak.mortal())
    clock = soak.make_clock(str(len(soak.fleet.workers)))
    ahead_s = soak.dice.choice((-HOUR_S, HOUR_S))
    clock.set(ahead_s)
    with clock.read():
        worker = soak.fleet.spawn()
    victim.signal(signal.SIGTERM)
    assert 0 == await victim.exit_code(PATIENCE_S)
    await until(soak.all_joined, "it joins", PATIENCE_S)
    (member,) = [each.member for each in await soak.members() if each.member.pid == worker.pid]
    assert HOUR_S / 2 < abs(member.started_at - wall_ms()) / 1000
    clock.set(ahead_s + STEP_S)
    return f"{ahead_s:+} s, then {ahead_s + STEP_S:+} s"


async def freeze_a_worker(soak: Soak) -> str:
    """Longer than its lease, so that others take its jobs over."""
    before = (await soak.fleet.jobs.counts())["crashed"]

    async def taken_over() -> int:
        return (await soak.fleet.jobs.counts())["crashed"] - before

    victim, running = await busy(soak, soak.living)
    try:
        taken = await until(taken_over, "its jobs are taken over", PATIENCE_S)
    finally:
        victim.signal(signal.SIGCONT)
    return f"{running} jobs in flight, {taken} taken over"


async def busy(soak, among):
    """Stop a worker that runs jobs; returns it and how many."""

    def stop_one():
        worker = soak.dice.choice(among())
        worker.freeze()
        soak.books.read()
        running = soak.books.running_in(worker.pid)
        if running >= IN_FLIGHT:
            return worker, running
        worker.signal(signal.SIGCONT)
        return None

    return await until(stop_one, "a worker is in the middle of jobs", PATIENCE_S)


async def restart_the_server(soak: Soak) -> str:
    before = await run_id(soak.fleet)
    await asyncio.to_thread(soak.server.stop)
    await asyncio.to_thread(soak.server.start)
    assert before != await run_id(soak.fleet)
    return "another one"


async def kill_the_server(soak: Soak) -> str:
    """With nothing that it acknowledged unwritten: what ``everysec`` may lose is another row's."""
    before = await run_id(soak.fleet)
    await soak.redis.config_set("appendfsync", "always")
    known = soak.books.acknowledged.distinct
    await until(lambda: soak.books.acknowledged.distinct > known, "it acknowledges", PATIENCE_S)
    soak.server.kill()
    await asyncio.to_thread(soak.server.start)
    assert before != await run_id(soak.fleet)
    return "another one"


async def forget_scripts(soak: Soak) -> str:
    before = await errors(soak, "NOSCRIPT")
    await soak.redis.script_flush()
    await until(lambda: grew(soak, "NOSCRIPT", before), "scripts are missed", PATIENCE_S)
    return f"missed {await errors(soak, 'NOSCRIPT') - before} times"


async def slow_down(soak: Soak) -> str:
    before = soak.proxy.slowed
    soak.proxy.slow_down(0.1, 0.5)
    await asyncio.sleep(soak.hold_s)
    await until(lambda: soak.proxy.slowed >= before + REPLIES, "answers are slow", PATIENCE_S)
    soak.proxy.slow_down(0.0, 0.0)
    return f"{soak.proxy.slowed - before} answers"


async def cut_connections(soak: Soak) -> str:
    async def received():
        return (await soak.redis.info("stats"))["total_connections_received"]

    before = await received()
    soak.proxy.cut()

    async def made_anew():
        return await received() - before >= soak.size

    await until(made_anew, "everybody is back", PATIENCE_S)
    return f"{await received() - before} made anew"


async def refuse_connections(soak: Soak) -> str:
    await soak.proxy.refuse()
    assert not await answers(soak, soak.hold_s)
    await soak.proxy.accept()
    return f"{soak.hold_s:.1f} s"


async def lose_answers(soak: Soak) -> str:
    before = soak.proxy.lost
    soak.proxy.lose_answers(REPLIES)
    await until(lambda: soak.proxy.lost == before + REPLIES, "answers are lost", PATIENCE_S)
    return f"{REPLIES} answers"


async def lose_calls(soak: Soak) -> str:
    before = soak.proxy.lost
    soak.proxy.lose_requests(REPLIES)
    await until(lambda: soak.proxy.lost == before + REPLIES, "calls are lost", PATIENCE_S)
    return f"{REPLIES} calls"


async def swallow_everything(soak: Soak) -> str:
    soak.proxy.swallow()
    try:
        assert not await answers(soak, soak.hold_s)
    finally:
        soak.proxy.heal()
    return f"{soak.hold_s:.1f} s"


async def pause_clients(soak: Soak) -> str:
    """For a little less than a client waits for an answer."""
    pause_s = 0.8 * soak.hold_s
    began = time.monotonic()
    await soak.redis.client_pause(int(1000 * pause_s))
    await soak.redis.time()
    held_s = time.monotonic() - began
    assert held_s > 0.8 * pause_s
    return f"{held_s:.1f} s"


async def fill_the_memory(soak: Soak) -> str:
    before = await errors(soak, "OOM")
    used = (await soak.redis.info("memory"))["used_memory"]
    await soak.redis.config_set("maxmemory", used // 2)
    try:
        await until(lambda: grew(soak, "OOM", before), "calls are refused", PATIENCE_S)
        await asyncio.sleep(soak.hold_s)
    finally:
        refused = await errors(soak, "OOM") - before
        await soak.redis.config_set("maxmemory", 0)
    return f"{refused} calls refused"


async def errors(soak, name):
    return (await soak.redis.info("errorstats")).get(f"errorstat_{name}", {"count": 0})["count"]


async def grew(soak, name, before):
    return await errors(soak, name) > before


async def answers(soak, within_s):
    """Whether the server answers through the proxy within so many seconds."""
    try:
        await asyncio.wait_for(soak.producer.store.redis.ping(), within_s)
    except (TimeoutError, RedisError, OSError):
        return False
    return True


FAULTS: tuple[Callable[[Soak], Awaitable[str]], ...] = (
    kill_a_worker,
    stop_a_worker,
    set_a_clock,
    freeze_a_worker,
    restart_the_server,
    kill_the_server,
    forget_scripts,
    slow_down,
    cut_connections,
    refuse_connections,
    lose_answers,
    lose_calls,
    swallow_everything,
    pause_clients,
    fill_the_memory,
)


def drawn(soak: Soak) -> Iterator[Callable[[Soak], Awaitable[str]]]:
    """Draw one fault after the other, each once before any comes again."""
    while True:
        bag = list(FAULTS)
        soak.dice.shuffle(bag)
        yield from bag
