"""What a policy asks for and its file's workers cannot give: more room than there is, more time than a stop leaves."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from jobframe.config.resolve import AUTHOR, BUILT_IN, Resolved
from jobframe.config.schema import Config
from jobframe.core.duration import format_ms
from jobframe.core.jobtype import JobType

__all__ = ["Misfit", "misfits"]


@attrs.frozen
class Misfit:
    """
    A key of one type that does not fit.

    Attributes:
        key: The key, as in jobs.toml.
        code: What kind of misfit.
        message: What does not fit, and what would.

    """

    key: str
    code: str
    message: str


def misfits(config: Config, job_type: JobType, resolved: Resolved) -> Iterator[Misfit]:
    """Find what does not fit in the policy of one type."""
    yield from _too_many(config, job_type, resolved)
    yield from _too_long(config, resolved)


def _too_many(config: Config, job_type: JobType, resolved: Resolved) -> Iterator[Misfit]:
    policy, runtime = resolved.policy, config.runtime
    room, why = runtime.max_jobs, f"max_jobs = {runtime.max_jobs}"
    pools = {"thread": ("threads", runtime.threads)}
    if config.lines.names(("runtime", "children")):  # else it is this machine's cores, and workers may have others
        pools["process"] = ("children", runtime.children)
    key, places = pools.get(policy.run_in, ("", room))
    if places * max(1, job_type.batch or 0) < room:
        room, why = places * max(1, job_type.batch or 0), f"{key} = {places}"
    if policy.per_worker is not None and policy.per_worker > room:
        yield Misfit("per_worker", "over-the-pool", f"one worker has room for {room} of them ({why})")
    if policy.concurrency is not None and policy.concurrency > room * runtime.processes:
        message = (
            f"the workers of one `jobframe worker` have room for {room * runtime.processes} of them "
            f"(processes = {runtime.processes}, {why}): start it on more machines, or raise these"
        )
        yield Misfit("concurrency", "over-the-pool", message)


def _too_long(config: Config, resolved: Resolved) -> Iterator[Misfit]:
    """
    Warn where a stop cuts a job off that may run longer than the grace.

    Most jobs may be given back and run again. It matters for one that shall run once only, and for one in a thread,
    which cannot be told that it is cut off; of the latter only where the deployment itself chose the time.
    """
    policy, grace_ms = resolved.policy, config.runtime.grace_ms
    if policy.timeout_ms <= grace_ms:
        return
    over = (
        f"may take {format_ms(policy.timeout_ms)}, and a stopping worker waits {format_ms(grace_ms)} ([runtime] grace)"
    )
    if policy.max_retries == 0:
        message = f"{over}: what is not done by then runs again from the start, although max_retries = 0"
        yield Misfit("timeout", "timeout-over-grace", message)
    elif policy.run_in == "thread" and resolved.sources["timeout"][-1].origin not in (AUTHOR, BUILT_IN):
        message = f'{over}: a thread is cut off there without being told; raise grace, or run_in = "process"'
        yield Misfit("timeout", "timeout-over-grace", message)
