"""Rules about the server: it forgets scripts, its memory is full, it comes back with what it knew some time ago."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis.stateful import precondition, rule

from tests.conformance.machine.attempts import Attempts

RESTART_MS = 1_000


class Troubles(Attempts):
    """It has them, each once: a second time finds nothing that the first did not."""

    def __init__(self) -> None:
        super().__init__()
        self.knows_scripts = self.never_was_full = True

    def forget(self) -> None:
        super().forget()
        self.on_disk: tuple[dict[bytes, bytes], Any] | None = None

    @property
    def redis(self) -> Any:
        return self.world.blocking.redis

    @rule()
    @precondition(lambda self: self.knows_scripts)
    def forget_all_scripts(self) -> None:
        self.redis.script_flush()
        self.knows_scripts = False

    @rule()
    @precondition(lambda self: self.never_was_full)
    def fill_the_memory(self) -> None:
        self.redis.config_set("maxmemory", 1)
        self.memory_is_full, self.never_was_full = True, False

    @rule()
    @precondition(lambda self: self.memory_is_full)
    def free_the_memory(self) -> None:
        self.redis.config_set("maxmemory", 0)
        self.memory_is_full = False

    @rule()
    @precondition(lambda self: not self.on_disk)
    def save(self) -> None:
        """Let the disk hold what the server knows now, and no later write."""
        saved = {key: self.redis.dump(key) for key in self.redis.keys(self.world.store.keys.prefix + "*")}
        self.on_disk = (saved, copy.deepcopy((self.model, self.workers, self.dead, self.latest_claims)))

    @rule()
    @precondition(lambda self: self.on_disk and not self.memory_is_full)
    def restart_with_what_is_on_disk(self) -> None:
        """All later writes are lost: producers and workers remember calls that the server does not."""
        assert self.on_disk
        saved, known = self.on_disk
        self.forget()
        self.model, self.workers, self.dead, self.latest_claims = known
        self.redis.flushdb()
        for key, content in saved.items():
            self.redis.restore(key, 0, content)
        self.world.now = self.latest_time + RESTART_MS
        self.run(self.world.learn())
