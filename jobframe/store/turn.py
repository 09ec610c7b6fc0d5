"""Settle and claim in one round trip: what ends makes room, and what has room asks for more."""

from __future__ import annotations

from jobframe.store.claim import Claim, ClaimCall, read_claim
from jobframe.store.settle import SettleCall, Settled
from jobframe.store.store import Store

__all__ = ["turn"]


async def turn(
    store: Store, settling: SettleCall, claiming: ClaimCall
) -> tuple[list[tuple[Settled, bool]], Claim | None]:
    """
    Settle, then claim, in this order: the claim may count on the slots that settling frees.

    Returns:
        What `settle` and `claim` return.

    Raises:
        StoreUnavailable: The server cannot be reached or used; each call is to be sent again under its own number.

    """
    codes, claimed = await store.run_both(("settle", settling.arguments), ("claim", claiming.arguments()))
    return settling.read(codes), read_claim(claimed)
