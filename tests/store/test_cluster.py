"""A namespace on a cluster: its node is found, followed when the slot moves, and found again when nodes come back."""

import asyncio

import pytest

from jobframe.core.errors import StoreUnavailable
from jobframe.store import cluster as connections
from jobframe.store.enqueue import Encoded, enqueue
from jobframe.store.listen import Listener
from jobframe.store.store import BlockingStore, Store
from jobframe.store.wake import WakeStore
from tests.cluster import make_cluster, make_follower, slot_of, until

PATIENCE_S = 20
HALF_MOVED_S = 0.5


class Home:
    """A namespace, the node that holds it, and another that the URL names."""

    def __init__(self, cluster, namespace):
        self.cluster, self.namespace, self.slot = cluster, namespace, slot_of(namespace)
        self.owner = cluster.owner(self.slot)
        self.other = next((one for one in cluster.nodes if one is not self.owner), self.owner)
        self.url = f"redis+cluster://127.0.0.1:{self.other.address[1]}"

    def move(self, hold_s=0.0):
        self.cluster.move(self.slot, self.owner, self.other, hold_s)

    def half_moved(self):
        return all(one.client.execute_command("CLUSTER", "COUNTKEYSINSLOT", self.slot) for one in self.cluster.nodes)

    def refusals(self, code):
        return sum(one.errors(code) for one in self.cluster.nodes)


@pytest.fixture
def home(make_server, namespace):
    return Home(make_cluster(make_server, nodes=2), namespace)


@pytest.fixture
async def store(home):
    made = Store(home.url, home.namespace)
    await _put(made, 1)
    yield made
    await made.aclose()


async def _put(store, number):
    return await enqueue(store, "client", number, [Encoded("a.b", f"u{number}", "", b"{}\n{}")])


async def test_calls_that_come_while_the_slot_moves_are_answered_when_it_has_moved(home, store):
    moving = asyncio.create_task(asyncio.to_thread(home.move, HALF_MOVED_S))
    await asyncio.to_thread(until, home.half_moved, "some keys are here, some there")
    blocking = BlockingStore(home.url, home.namespace)
    answers = await asyncio.gather(
        _put(store, 2),
        asyncio.to_thread(blocking.run, "held", "nobody"),
        store.run_both(("held", ["nobody"]), ("held", ["nobody"])),
    )
    await moving
    blocking.close()

    assert [[None], [], ([], [])] == answers
    assert home.refusals("ASK") + home.refusals("TRYAGAIN") >= 4, "each was refused"
    assert home.other is home.cluster.owner(home.slot)
    assert {"u1", "u2"} == set(await store.read_hash(store.keys.payload("a.b")))


async def test_a_slot_that_never_arrives_is_reported_after_some_tries(home, store, monkeypatch):
    """Nothing was done, and the caller may be told so."""
    monkeypatch.setattr(connections, "_SENT_AGAIN", 3)
    home.other.client.execute_command("CLUSTER", "SETSLOT", home.slot, "IMPORTING", home.owner.id)
    home.owner.client.execute_command("CLUSTER", "SETSLOT", home.slot, "MIGRATING", home.other.id)
    impatient = Store(home.url, home.namespace)
    markers = WakeStore(impatient)
    with pytest.raises(StoreUnavailable, match="the cluster is moving the slot") as caught:
        await _put(impatient, 2)
    assert not await markers.pop("lane", PATIENCE_S), "look instead"
    refusals = home.refusals("TRYAGAIN"), home.refusals("ASK")
    await markers.aclose([])
    await impatient.aclose()

    assert caught.value.acknowledged is False
    assert (1 + 3, 1 + 3) == refusals, "each was sent four times"


async def test_what_waits_for_a_message_or_a_marker_goes_on_waiting_after_the_move(home, store):
    heard, markers = asyncio.Queue(), WakeStore(store)
    listener = Listener(store, "news", heard.put_nowait)
    await listener.ready()
    popping = asyncio.create_task(markers.pop("lane", PATIENCE_S))
    await asyncio.to_thread(until, lambda: home.owner.client.info("clients")["blocked_clients"], "the pop blocks")
    await asyncio.to_thread(home.move)
    await store.redis.publish("news", "moved")
    await store.redis.zadd(store.keys.wake("lane"), {"m": 1})

    async with asyncio.timeout(PATIENCE_S):
        assert "moved" == await heard.get()
        assert await popping
    await listener.aclose()
    await markers.aclose([])


async def test_nodes_that_name_no_host_are_where_they_were_asked(home, store):
    for one in home.cluster.nodes:
        one.client.config_set("cluster-preferred-endpoint-type", "unknown-endpoint")
    nameless = Store(home.url, home.namespace)
    await _put(nameless, 2)
    await asyncio.to_thread(home.move)
    assert [None] == await _put(nameless, 3)
    await nameless.aclose()


async def test_a_cluster_that_was_restarted_is_found_again(make_server, namespace):
    """Also one whose only node was away."""
    home = Home(make_cluster(make_server, nodes=1), namespace)
    store = Store(home.url, namespace)
    await _put(store, 1)
    await asyncio.to_thread(home.owner.server.stop)
    with pytest.raises(StoreUnavailable):
        await _put(store, 2)
    await asyncio.to_thread(home.owner.server.start)

    assert [None] == await _put(store, 2)
    await store.aclose()


async def test_nodes_that_the_url_does_not_name_are_asked_too(make_server, home, store):
    """A replica took over, and of what the URL names nothing is left."""
    follower = await asyncio.to_thread(make_follower, make_server, home.cluster, home.owner)
    follower.client.config_set("cluster-require-full-coverage", "no")
    late = Store(home.url, home.namespace)
    await _put(late, 2)
    await asyncio.to_thread(until, lambda: follower.client.dbsize() == home.owner.client.dbsize(), "it has all")
    for one in home.cluster.nodes:
        await asyncio.to_thread(one.server.kill)
    with pytest.raises(StoreUnavailable):  # nobody has taken over
        await _put(late, 3)
    follower.client.execute_command("CLUSTER", "FAILOVER", "TAKEOVER")

    assert [None] == await _put(late, 3)
    await late.aclose()


async def test_a_node_of_the_url_that_is_away_is_passed_over(home, store):
    away = Store(home.url.replace("://", "://127.0.0.1:1,"), home.namespace)
    assert [None] == await _put(away, 2)
    await away.aclose()


async def test_a_server_that_is_no_cluster_is_reported(make_server, namespace):
    server = make_server(ports=("port",))
    store = Store(f"redis+cluster://127.0.0.1:{server.ports['port']}", namespace)
    with pytest.raises(StoreUnavailable, match="no part of a cluster"):
        await _put(store, 1)
    await store.aclose()
