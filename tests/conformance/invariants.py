"""What must hold in a namespace at any moment, whatever was done to it: read from the outside, judged in Python."""

from __future__ import annotations

import math
import re
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import attrs

from tests.conformance.world import World

Content = Mapping[str, Mapping[str, Any]]

KNOWN = re.compile(
    r"control|types|schedules|schedule:[A-Za-z0-9._-]+|limits|uses|resources|digests|runs-in|superseded|paused|passes|rates"
    r"|workers|worker-info|claims|calls|clients|suspicions|waiters|minutes|hours|(ready|due|wake):.+|(held|cancels):.+"
    r"|queue:[^:]+:[hnlb]|(group|line):[^:]+:[0-9a-f-]{16}|(minute|hour):[^:]+:\d+"
    r"|(history|active|leaving|turn|groups|needs|steps|progress|completed|given|failed|cancelled|parked):[^:]+"
    r"|(payload|record|reason|result|counters|total|keys|lapses|behind):[^:]+"
)
LIVE = ("queue:{}:h", "queue:{}:n", "queue:{}:l", "queue:{}:b", "active:{}", "parked:{}")
ENDED = ("completed:{}", "given:{}", "failed:{}", "cancelled:{}")
LIMITS = struct.Struct("<BBiIIdddIdII")


@attrs.frozen
class Limits:
    paused: bool = False
    mixed: bool = True
    uses: bool = False
    grouped: bool = False
    group: int = 0
    cap: int = 0
    interval: float = 0.0
    burst: int = 0
    lane: str = "unclaimed"


def limits_of(content: Content, type: str) -> Limits:
    packed = content.get("limits", {}).get(type)
    if packed is None:
        return Limits()
    raw = packed.encode(errors="surrogateescape")
    flags, _weight, cap, *_, interval, burst, group = LIMITS.unpack(raw[: LIMITS.size])
    return Limits(
        bool(flags & 1),
        bool(flags & 2),
        bool(flags & 4),
        bool(flags & 8),
        group,
        cap,
        interval,
        burst,
        raw[LIMITS.size :].decode(),
    )


def types_of(content: Content) -> set[str]:
    indexes = [name.format(r"([^:]+)") for name in (*LIVE, *ENDED, "payload:{}", "keys:{}")]
    found = [re.fullmatch("|".join(indexes), key) for key in content]
    return {next(filter(None, match.groups())) for match in found if match} | set(content.get("limits", ()))


async def broken(world: World) -> list[str]:
    """List what does not hold; empty when all is well."""
    problems = [f"{key} has a time limit" for key in await world.limited()]
    return problems + problems_in(await world.dump(), world.now, world.lowered)


def problems_in(content: Content, now: int, lowered: Collection[str] = (), latest: int = 0) -> list[str]:
    """
    List what does not hold in *content*, read at *now*.

    Types in *lowered* may run more than their limit; *latest* is what the clock showed before it was set back.
    """
    problems = [f"unknown key {key}" for key in content if not KNOWN.fullmatch(key)]
    for name in sorted(types_of(content)):
        problems += (f"{name}: {problem}" for problem in _type_problems(content, name, now, lowered, max(now, latest)))
    return [*problems, *_resources(content, now, lowered), *_fleet_problems(content)]


def states_in(content: Content, now: int) -> dict[str, str]:
    """Tell the state of every job in *content*, by its id."""
    states = {}
    for name in types_of(content):
        for index in (*LIVE, *ENDED):
            for unique, score in content.get(index.format(name), {}).items():
                state = index.partition(":")[0]
                if state == "queue":
                    state = "waiting" if score <= now else "delayed"
                states[f"{name}:{unique}"] = "completed" if state == "given" else state
    return states


def _type_problems(content: Content, type: str, now: int, lowered: Collection[str], latest: int) -> Iterator[str]:
    def index(name: str) -> Mapping[str, Any]:
        return content.get(name.format(type), {})

    limits = limits_of(content, type)
    yield from _conservation(index)
    yield from _keys(index)
    yield from _lines(content, type, limits)
    yield from _places(content, type, limits, lowered)
    running = len(index("active:{}"))
    if limits.cap and running > limits.cap and type not in lowered:
        yield f"{running} run, {limits.cap} may"
    if not limits.mixed and (index("queue:{}:h") or index("queue:{}:l")):
        yield "claims do not look into all of its queues"
    yield from _scheduling(content, type, limits, now, latest)


Index = Callable[[str], Mapping[str, Any]]


def _conservation(index: Index) -> Iterator[str]:
    """Every job is in one state, has what belongs to that state, and nothing is kept of others."""
    places = Counter(unique for name in (*LIVE, *ENDED) for unique in index(name))
    yield from (f"{unique} stands in {count} places" for unique, count in places.items() if count > 1)
    payloads = index("payload:{}")
    completed = {unique for name in ENDED[:2] for unique in index(name)}
    lost = {unique for unique, reason in index("reason:{}").items() if reason.startswith("lost")}
    yield from (f"{unique} has no payload" for unique in places.keys() - payloads.keys() - completed - lost)
    yield from (f"{unique} has completed and still has a payload" for unique in payloads.keys() & completed)
    for part in ("steps", "progress"):
        yield from (f"{unique} has completed and still has {part}" for unique in index(part + ":{}").keys() & completed)
    for part in ("payload", "record", "reason", "result", "steps", "progress"):
        yield from (f"{unique} has a {part} and no state" for unique in index(part + ":{}").keys() - places.keys())


def _keys(index: Index) -> Iterator[str]:
    """A key is held by its live job, by nobody else, and no longer; within its window also by one that has ended."""
    live = {unique for name in LIVE for unique in index(name)}
    payloads, keys, lapses, behind = (index(name) for name in ("payload:{}", "keys:{}", "lapses:{}", "behind:{}"))
    yield from (f"{key!r} has a window and no holder" for key in lapses.keys() - keys.keys())
    for key, unique in keys.items():
        if unique in payloads and unique not in live and key not in lapses:
            yield f"{unique} has ended and holds the key {key!r}"
    successors = {first: value.partition(" ")[2] for first, value in behind.items()}
    for unique in live & payloads.keys():
        options, marked, key = payloads[unique][13:].partition("\n")[0].partition(";k")
        after = re.search(r";a([^;]+)", options)
        if after and ";w" not in options and after[1] in live and successors.get(after[1]) != unique:
            yield f"{unique} stands behind {after[1]}, which does not know of it"
        if marked and ";w" not in options and unique not in successors and keys.get(key) != unique:
            yield f"{unique} lives and does not hold its key {key!r}"
    for first, unique in successors.items():
        if first not in live:
            yield f"{unique} waits for the end of {first}, which has ended"
        if unique in index("active:{}"):
            yield f"{unique} runs before {first} has ended"


def in_use_of(content: Content, resource: str, now: int) -> int:
    """Add up what the taken slots of all types use of *resource*."""
    total = 0
    for name, text in content.get("uses", {}).items():
        amounts = dict(each.split(":") for each in text.split(","))
        leaving = [until for until in content.get(f"leaving:{name}", {}).values() if until >= now]
        total += int(amounts.get(resource, 0)) * (len(content.get(f"active:{name}", {})) + len(leaving))
    return total


def _resources(content: Content, now: int, lowered: Collection[str]) -> Iterator[str]:
    """No more of a resource is in use than there is, and every type that uses one is marked so."""
    for name, units in content.get("resources", {}).items():
        in_use = in_use_of(content, name, now)
        if in_use > int(units) and name not in lowered:
            yield f"{in_use} of {name} are in use, there are {units}"
    users = content.get("uses", {}).keys()
    marked = {name for name in content.get("limits", ()) if limits_of(content, name).uses}
    yield from (f"{name} is marked as a user of resources or not, and the other is true" for name in users ^ marked)


def _lacks_resources(content: Content, type: str, now: int) -> bool:
    """Tell whether a job of *type* must wait for a resource."""
    text = content.get("uses", {}).get(type, "")
    uses = [each.split(":") for each in text.split(",") if each]
    return any(in_use_of(content, name, now) + int(amount) > int(content["resources"][name]) for name, amount in uses)


def _lines(content: Content, type: str, limits: Limits) -> Iterator[str]:
    """Who is lined up stands in one line, and nobody stands behind a group that has room."""
    lines = Counter(member[16:] for member in content.get(f"turn:{type}", {}))
    behind = _by_group(content, "line", type)
    raised = _raised(content, type, limits)
    for group, members in behind.items():
        lines.update(members.keys())
        places = content.get(f"group:{type}:{group}", {})
        if group[0] != "-" and group not in raised and 0 < limits.group > len(places):
            yield f"{len(members)} stand behind in {group}, which has room"
    if behind.keys() != content.get(f"groups:{type}", {}).keys():
        yield f"groups with jobs behind: {behind.keys()} and {content.get(f'groups:{type}')}"
    if lines != Counter(content.get(f"queue:{type}:b", {}).keys()):
        yield f"{lines} are lined up, {content.get(f'queue:{type}:b')} should be"
    if lines and not limits.grouped:
        yield "has jobs lined up that no claim looks for"


def _places(content: Content, type: str, limits: Limits, lowered: Collection[str]) -> Iterator[str]:
    """A place belongs to a job, and no more of a group run than may."""
    turns, active = content.get(f"turn:{type}", {}), content.get(f"active:{type}", {})
    given_back = {name for level in "hnl" for name in content.get(f"queue:{type}:{level}", {})}
    for group, places in _by_group(content, "group", type).items():
        running = {name for name, since in places.items() if since > 0}
        if 0 < limits.group < len(running) and group[0] != "-" and type not in lowered:
            yield f"{len(running)} of group {group} run, {limits.group} may"
        unused = running - active.keys() - given_back
        unused |= {name for name in places.keys() - running if group + name not in turns}
        yield from (f"{name} has a place in {group} and does not use it" for name in unused)


def _by_group(content: Content, kind: str, type: str) -> dict[str, Mapping[str, float]]:
    prefix = f"{kind}:{type}:"
    return {key.removeprefix(prefix): members for key, members in content.items() if key.startswith(prefix)}


def _raised(content: Content, type: str, limits: Limits) -> set[str]:
    """Name the groups that the next claim gives more places."""
    limit = limits.group or math.inf
    return {group for group, full_at in content.get(f"groups:{type}", {}).items() if full_at < limit}


def _scheduling(content: Content, type: str, limits: Limits, now: int, latest: int) -> Iterator[str]:
    """Judge that a type with a due job and a free slot is ready, or is looked at no later than its next due time."""
    for key in content:
        kind, _, lane = key.partition(":")
        if kind in ("ready", "due") and lane != limits.lane and type in content[key]:
            yield f"stands in {key}, its lane is {limits.lane}"
    scores = [score for level in "hnl" for score in content.get(f"queue:{type}:{level}", {}).values()]
    if limits.grouped and (content.get(f"turn:{type}") or _raised(content, type, limits)):
        scores.append(now)
    leaving = [until for until in content.get(f"leaving:{type}", {}).values() if until >= now]
    active = len(content.get(f"active:{type}", {}))
    full = limits.cap and active + len(leaving) >= limits.cap
    was_full = limits.cap and active + sum(until >= latest for until in leaving) >= limits.cap
    if _lacks_resources(content, type, now):
        return  # the next claim that looks at it finds so, and whatever frees units arms it
    ready, due = type in content.get(f"ready:{limits.lane}", {}), content.get(f"due:{limits.lane}", {}).get(type)
    if not scores or limits.paused or full:
        if ready and (was_full or not full or limits.paused):  # else the clock was set back since, and a claim will see
            yield "is ready, and nothing of it can start"
        if not (full and scores and leaving) or limits.paused:
            return
        scores = [max(min(scores), min(leaving) + 1)]  # it must be looked at when the next slot is surely free
    if limits.interval:  # it must be looked at when its rate lets the next job start
        arrival = min(float(content.get("rates", {}).get(type, 0)), 1000 * latest + limits.burst * limits.interval)
        scores = [max(*scores, math.ceil((arrival - (limits.burst - 1) * limits.interval) / 1000) + 1)]
    if not ready and (due is None or due > max(min(scores), now)):
        yield f"is in neither ready nor due in time: first at {min(scores) - now:+.0f} ms, due {due}"


def _fleet_problems(content: Content) -> Iterator[str]:
    """What is kept of a worker goes with it, and each running job is held by one."""
    workers = content.get("workers", {}).keys()
    held: Counter[str] = Counter()
    for key in content:
        kind, _, worker = key.partition(":")
        if kind in ("held", "cancels") and worker not in workers:
            yield f"{key} belongs to nobody"
        if kind == "held":
            held.update(content[key].keys())
    for name in ("worker-info", "claims", "suspicions"):
        yield from (f"{name} keeps {worker}" for worker in content.get(name, {}).keys() - workers)
    callers = workers | content.get("clients", {}).keys()
    yield from (f"calls keeps {caller}" for caller in content.get("calls", {}).keys() - callers)
    yield from (f"{job!r} is held {count} times" for job, count in held.items() if count > 1)
    active = {
        f"{key.partition(':')[2]}\t{unique}" for key in content if key.startswith("active:") for unique in content[key]
    }
    yield from (f"{job!r} is active and held by nobody" for job in active - held.keys())
    yield from (f"{job!r} is held and not active" for job in held.keys() - active)
