"""Jobs of one type ``a`` that are equal, under ``mode = "replace"``."""

import json

from jobframe.store.codec import decode_payload

KEY = {"key": "k", "replace": True}


async def put(world, unique, text="", when="", **options):
    """Enqueue under the one key; answers the id of the job that stands for it."""
    (answer,) = await world.send(world.job("a", unique, when, json.dumps(text).encode(), **(KEY | options)))
    return answer or unique


async def claimed(world, worker="w1"):
    """Claim all there is: id → text."""
    jobs = (await world.claim(worker)).jobs
    return {job.unique: json.loads(bytes(decode_payload(job.payload)[1].body)) for job in jobs}


async def running(world, unique="first", **options):
    """Enqueue under the key and claim."""
    return await world.start("w1", "a", unique, **(KEY | options))


async def due(world, unique):
    return (await world.info(f"a:{unique}")).due_ms - world.now
