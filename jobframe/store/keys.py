"""Every key of a namespace: one method each, with a sentence on what it holds; scripts build the same names."""

from __future__ import annotations

import re

__all__ = ["Keys", "field"]

_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Keys:
    """
    The names under ``jf:{<namespace>}:``: one hash tag, so that a script may touch any of them, also on a cluster.

    Attributes:
        namespace: Which of several independent sets of queues on one server.
        prefix: What every key starts with.

    """

    def __init__(self, namespace: str) -> None:
        """
        Check the namespace.

        Raises:
            ValueError: It has other characters than letters, digits, dot, dash and underscore, or over 64 of them.

        """
        if not _NAMESPACE.fullmatch(namespace):
            msg = f"namespace {namespace!r}: use 1 to 64 letters, digits, dots, dashes and underscores"
            raise ValueError(msg)
        self.namespace = namespace
        self.prefix = f"jf:{{{namespace}}}:"

    def _plain(self, name: str) -> str:
        return self.prefix + name

    @property
    def control(self) -> str:
        """Hash: epoch, fence, policy version, swept, latest time noted, turn, and per lane who watches which time."""
        return self._plain("control")

    @property
    def guard(self) -> str:
        """Never exists; declared by every script beside `control`."""
        return self._plain("guard")

    @property
    def types(self) -> str:
        """Hash: type → JSON document of its policy in force."""
        return self._plain("types")

    def history(self, type: str) -> str:
        """List: the last 20 documents that were in force, the newest first."""
        return self._plain(f"history:{type}")

    @property
    def limits(self) -> str:
        """Hash: type → the packed numbers of its policy, for scripts; bit 1 of the first byte is paused."""
        return self._plain("limits")

    @property
    def uses(self) -> str:
        """Hash: type → ``resource:amount,…`` of what each of its running jobs takes."""
        return self._plain("uses")

    @property
    def resources(self) -> str:
        """Hash: resource → how many units there are; what is in use is the sum over the running jobs."""
        return self._plain("resources")

    @property
    def paused(self) -> str:
        """Hash: type → JSON of who paused it and when."""
        return self._plain("paused")

    @property
    def schedules(self) -> str:
        """Hash: schedule → JSON document of it as it is in force."""
        return self._plain("schedules")

    def schedule(self, name: str) -> str:
        """Hash: digest, timing, type and version of a schedule in force, its last slot, its live jobs and counters."""
        return self._plain(f"schedule:{name}")

    @property
    def workers(self) -> str:
        """Sorted set: worker → when its lease ends."""
        return self._plain("workers")

    @property
    def worker_info(self) -> str:
        """Hash: worker → JSON of its host, process, start, types and sizes."""
        return self._plain("worker-info")

    @property
    def minutes(self) -> str:
        """Sorted set: ``type<tab>minute`` → minute, for the histograms not yet rolled up."""
        return self._plain("minutes")

    @property
    def control_channel(self) -> str:
        """Channel: ``policy`` when a policy changed, ``cancel<tab><worker>`` when one has a cancel to read."""
        return self._plain("control")

    def ended_channel(self, client: str) -> str:
        """Channel of one client: ``type<tab>id`` of each job it waits for and that ended."""
        return self._plain(f"ended:{client}")

    def wake(self, lane: str) -> str:
        """Sorted set of at most one marker: somebody who runs this lane should look for work."""
        return self._plain(f"wake:{lane}")

    def held(self, worker: str) -> str:
        """Hash: ``type<tab>id`` → fence, ``@``, due time and options of what a worker has claimed and not settled."""
        return self._plain(f"held:{worker}")

    def queue(self, type: str, level: str = "n") -> str:
        """Sorted set: id → due time; level h is above, n at, l below the type's own priority, b lined up by groups."""
        return self._plain(f"queue:{type}:{level}")

    def turn(self, type: str) -> str:
        """Sorted set: group and id of jobs that have a place in their group → whose turn it is first."""
        return self._plain(f"turn:{type}")

    def line(self, type: str, group: str) -> str:
        """Sorted set: id → due time less what its priority is worth, of jobs whose group is full."""
        return self._plain(f"line:{type}:{group}")

    def group(self, type: str, group: str) -> str:
        """Sorted set: id → 0 while it waits for its turn, then when it was claimed: what ``group`` is held against."""
        return self._plain(f"group:{type}:{group}")

    def groups(self, type: str) -> str:
        """Sorted set: group with jobs behind it → the limit at which it was full, 0 when it has room."""
        return self._plain(f"groups:{type}")

    def ended(self, state: str, type: str) -> str:
        """Sorted set: id → when it ended; state is completed, given, failed, cancelled or parked."""
        return self._plain(f"{state}:{type}")

    def active(self, type: str) -> str:
        """Sorted set: id → when it was claimed; its size is what ``concurrency`` is held against."""
        return self._plain(f"active:{type}")

    def payload(self, type: str) -> str:
        """Hash: id → 13 digits of enqueue time, options, newline, envelope; gone once the job completed."""
        return self._plain(f"payload:{type}")

    def record(self, type: str) -> str:
        """Hash: id → ``attempts,crashes,interrupts,snoozes[,ms who retried it]|history``; only once there are any."""
        return self._plain(f"record:{type}")

    def reason(self, type: str) -> str:
        """Hash: id → why it failed, was cancelled or parked."""
        return self._plain(f"reason:{type}")

    def result(self, type: str) -> str:
        """Hash: id → the handler's result as JSON."""
        return self._plain(f"result:{type}")

    def steps(self, type: str) -> str:
        """Hash: id → names of the steps that its handler has done once, a line each; gone once the job completed."""
        return self._plain(f"steps:{type}")

    def progress(self, type: str) -> str:
        """Hash: id → JSON of what its handler last reported, and when; gone once the job completed."""
        return self._plain(f"progress:{type}")

    def keys(self, type: str) -> str:
        """Hash: exclusion key → id of the job that an enqueue with this key finds."""
        return self._plain(f"keys:{type}")

    def lapses(self, type: str) -> str:
        """Sorted set: exclusion key → when its window lapses; a key that is not here is held until its job ends."""
        return self._plain(f"lapses:{type}")

    def behind(self, type: str) -> str:
        """Hash: id of a job that has not ended → due time, space, id of the job with its key that waits for its end."""
        return self._plain(f"behind:{type}")

    def counters(self, type: str) -> str:
        """Hash: outcome → how often since the beginning; ``failed:<day>`` per day."""
        return self._plain(f"counters:{type}")

    def minute(self, type: str, minute: int) -> str:
        """Hash: waits and runs of one minute, ``w<bucket>`` and ``r<bucket>`` → count."""
        return self._plain(f"minute:{type}:{minute}")

    def hour(self, type: str, hour: int) -> str:
        """Hash: the minutes of one hour that the sweep has rolled up."""
        return self._plain(f"hour:{type}:{hour}")

    def total(self, type: str) -> str:
        """Hash: all that the sweep ever rolled up."""
        return self._plain(f"total:{type}")


def field(type: str, unique: str) -> str:
    """Name a job inside the hashes that span types: ``type<tab>id``."""
    return f"{type}\t{unique}"
