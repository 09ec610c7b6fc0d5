"""What failed calls are turned into: the right class, the right certainty, and never a word of the command."""

from __future__ import annotations

import socket
import ssl

import pytest
from redis import exceptions as redis_errors

from jobframe.core.errors import JobNotFound, StoreFull, StoreUnavailable
from jobframe.store.connection import STORE_ERRORS, classify, connect

SECRET = "hunter2 caused error: SECRETWORD"


async def _failure(client, *command):
    """What *command* in a pipeline fails with: there the client puts the whole command into its text."""
    pipeline = client.pipeline(transaction=False)
    pipeline.execute_command(*command)
    with pytest.raises(STORE_ERRORS) as caught:
        await pipeline.execute()
    assert "hunter2" in str(caught.value), "the client no longer repeats the command: is scrubbing still needed?"
    failure = classify(caught.value)
    assert "hunter2" not in str(failure)
    assert "SECRETWORD" not in str(failure)
    return failure


async def test_a_full_server_is_store_full(make_server):
    """In a script as well as outside."""
    server = make_server({"maxmemory": "1kb"})
    async with connect(server.url) as client:
        assert isinstance(await _failure(client, "SET", "b", SECRET), StoreFull)
        script = "#!lua\nreturn redis.call('SET', KEYS[1], ARGV[1])"

        assert isinstance(await _failure(client, "EVAL", script, 1, "b", SECRET), StoreFull)


async def test_a_replica_is_unavailable_and_did_nothing(make_server):
    """Name the primary."""
    server = make_server({"replicaof": "127.0.0.1 1"})
    async with connect(server.url) as client:
        failure = await _failure(client, "SET", "b", SECRET)

    assert isinstance(failure, StoreUnavailable)
    assert "replica" in failure.reason
    assert failure.acknowledged is False


async def test_a_replica_without_its_primary_is_unavailable_and_did_nothing(make_server):
    """It serves not even stale data."""
    async with connect(make_server().url) as client:
        await client.config_set("replica-serve-stale-data", "no")
        await client.replicaof("127.0.0.1", 1)
        failure = await _failure(client, "GET", SECRET)

    assert "lost its primary" in failure.reason
    assert failure.acknowledged is False


async def test_a_server_that_lacks_replicas_did_nothing(make_server):
    """As its configuration demands."""
    server = make_server({"min-replicas-to-write": "1"})
    async with connect(server.url) as client:
        failure = await _failure(client, "SET", "b", SECRET)

    assert "lacks the replicas" in failure.reason
    assert failure.acknowledged is False


async def test_a_forbidden_command_is_unavailable(make_server):
    """A script may have been stopped half way, so nothing is certain."""
    server = make_server({"user default": "on nopass ~* +@all -set"})
    async with connect(server.url) as client:
        failure = await _failure(client, "SET", "b", SECRET)

    assert "access list" in failure.reason
    assert failure.acknowledged is None


async def test_any_other_answer_names_its_code_alone(redis_url):
    """The code is from a list, because the text behind a pipeline's command can hold anything."""
    async with connect(redis_url) as client:
        await client.set("a", "1")
        wrong_type = await _failure(client, "LPUSH", "a", SECRET)
        no_command = await _failure(client, "NOSUCH", SECRET)

    assert "the server answered with an error (WRONGTYPE)" == wrong_type.reason
    assert "the server answered with an error (ResponseError)" == no_command.reason


@pytest.mark.parametrize(
    ("error", "reason", "acknowledged"),
    [
        (redis_errors.BusyLoadingError("x"), "the server is loading", False),
        (redis_errors.ClusterDownError("x"), "the cluster is down", False),
        (redis_errors.SlotNotCoveredError("x"), "the cluster is down", False),
        (redis_errors.TryAgainError("x"), "the cluster is moving", False),
        (redis_errors.MovedError("1 h:1"), "the cluster moved", False),
        (redis_errors.AskError("1 h:1"), "the cluster is moving", False),
        (redis_errors.ResponseError("MISCONF x"), "the server cannot write to its disk", False),
        (redis_errors.ResponseError("BUSY x"), "the server is busy with a script", False),
        (redis_errors.MaxConnectionsError("x"), "too many connections", False),
        (redis_errors.ConnectionError("max number of clients reached"), "too many connections", False),
        (redis_errors.TimeoutError("x"), "the server did not answer in time", None),
        (TimeoutError("x"), "the server did not answer in time", None),
        (redis_errors.ConnectionError("Connection closed by server."), "the connection to the server was lost", None),
        (redis_errors.RedisClusterException("x"), "the server is no part of a cluster", False),
        (ConnectionResetError(104, "x"), "the connection to the server was lost: connection reset", None),
        (ssl.SSLError(1, "x"), "cannot reach the server: it does not speak TLS", False),
        (socket.gaierror(-2, "x"), "cannot reach the server: its host name is not known", False),
        (redis_errors.DataError("x"), "the server answered with an error (DataError)", None),
    ],
)
def test_each_failure_says_what_happened_and_whether_it_did_nothing(error, reason, acknowledged):
    """The failures that take a cluster, a full disk or luck to provoke."""
    failure = classify(error)

    assert isinstance(failure, StoreUnavailable)
    assert failure.reason.startswith(reason)
    assert failure.acknowledged is acknowledged


def test_the_address_comes_first_when_it_is_given():
    """A process may know several servers."""
    assert "redis://h:1/0: the server did not answer in time" == str(classify(TimeoutError(), "redis://h:1/0"))


def test_one_of_ours_stays_as_it_is():
    """What the store raised itself passes through."""
    error = JobNotFound("a:1")

    assert classify(error) is error
