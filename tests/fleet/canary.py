"""Texts that nobody may see, and every place of a store where they could stand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import redis


def forms(text: str) -> set[bytes]:
    """Write *text* in every way in which programs write it."""
    written = (text, repr(text)[1:-1], ascii(text)[1:-1], json.dumps(text)[1:-1], text.encode().hex())
    return {form.encode() for form in written} | {text.encode("utf-16-le"), text.encode("latin-1")}


def places_of(places: Mapping[str, bytes], *canaries: object) -> list[str]:
    """Name the places where one of the canaries stands."""
    wanted = {form for canary in canaries for form in forms(str(canary))}
    return sorted(name for name, content in places.items() if any(form in content for form in wanted))


def everything(url: str) -> dict[str, bytes]:
    """Read every key of every kind that the server has: name → all its bytes."""
    readers = {
        b"string": lambda client, key: [client.get(key)],
        b"hash": lambda client, key: [part for pair in client.hgetall(key).items() for part in pair],
        b"zset": lambda client, key: client.zrange(key, 0, -1),
        b"set": lambda client, key: client.smembers(key),
        b"list": lambda client, key: client.lrange(key, 0, -1),
        b"stream": lambda client, key: [repr(entry).encode() for entry in client.xrange(key)],
    }
    with redis.Redis.from_url(url) as client:
        found = {f"redis {key!r}": (key, client.type(key)) for key in client.scan_iter(count=1000)}
        return {name: b"\0".join([key, *readers[kind](client, key)]) for name, (key, kind) in found.items()}


def files_of(folder: Path) -> dict[str, bytes]:
    """Read every file under a folder."""
    return {f"file {path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
