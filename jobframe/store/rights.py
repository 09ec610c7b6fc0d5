"""What the server's access list forbids of what jobs need: a script that it stops halfway would leave half a job."""

from __future__ import annotations

from jobframe.core.errors import ConfigError, Problem
from jobframe.store.store import Store

__all__ = ["demand_rights"]


async def demand_rights(store: Store, arq_queue: str = "") -> None:
    """
    Have the server say which commands, keys and channels its user may not use; nothing is run.

    Args:
        store: The store.
        arq_queue: Where the bridge takes jobs from; empty without the bridge.

    Raises:
        ConfigError: The user lacks some.
        StoreUnavailable: The server cannot be reached, or forbids even the question.

    """
    forbidden = [each.decode() for each in await store.run("rights", arq_queue)]
    if forbidden:
        text = (
            f"the server's access list forbids its user {', '.join(sorted(forbidden))}: "
            'give it the rights that docs/operating.md has under "The server"'
        )
        if any(" arq:" in each for each in forbidden):
            text += ', or do without the bridge to arq: [arq] queue = ""'
        raise ConfigError(Problem("redis", text, code="server-rights"))
