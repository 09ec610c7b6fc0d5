"""A claim that goes along with a settle counts on its slots, so it must not overtake it when the answer is lost."""

import asyncio
from typing import cast

import pytest

from jobframe.core.outcome import Completed
from jobframe.runtime.claimer import Claimer
from jobframe.runtime.settler import Settler
from jobframe.store.claim import ClaimCall
from jobframe.store.settle import Settled
from jobframe.store.store import Store
from tests.proxy import Proxy


class Rider:
    """A claimer with one claim to send along; it notes how many outcomes were unsettled when its claim came back."""

    def __init__(self):
        self.came_back = asyncio.get_running_loop().create_future()
        self.settler = None

    def ride(self, freed):
        return None if self.came_back.done() else ClaimCall("w1", 1, freed, 1, (("lane", freed),))

    def answered(self, _call, _answer):
        self.came_back.set_result(("answered", self.settler.unsettled))

    def unanswered(self):
        self.came_back.set_result(("unanswered", self.settler.unsettled))


@pytest.mark.parametrize("lost", [0, 1])
async def test_a_claim_comes_back_only_when_its_settle_is_answered(redis_url, namespace, lost):
    proxy = Proxy(redis_url.removeprefix("unix://"))
    await proxy.accept()
    store, rider = Store(proxy.url, namespace), Rider()
    recorded: list[Settled] = []
    settler = rider.settler = Settler(store, lambda: "w1", recorded.extend, lambda: cast("Claimer", rider))
    await store.redis.ping()
    proxy.lose_answers(lost)

    settler.add(Settled("a", "x", 1, 0, Completed()))
    how, unsettled = await asyncio.wait_for(rider.came_back, 20)
    await settler.flush()
    await store.aclose()
    await proxy.aclose()

    assert ("unanswered" if lost else "answered") == how
    assert 0 == unsettled
