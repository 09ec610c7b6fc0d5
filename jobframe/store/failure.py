"""What a failed call to the server means: told by class and code, because the client's texts hold whole commands."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl

import redis.asyncio.sentinel
import redis.sentinel
from redis import exceptions as redis_errors

from jobframe.core.errors import JobframeError, StoreFull, StoreUnavailable

__all__ = ["STORE_ERRORS", "classify"]

STORE_ERRORS = (
    redis_errors.RedisError,
    redis_errors.RedisClusterException,
    OSError,  # the builtin TimeoutError and ssl.SSLError are kinds of it
    EOFError,
)
"""Everything that a call to the server can raise because of the server or of the way to it."""

_REFUSALS = {
    "WRONGPASS": "the server refuses the user or the password: see [redis] url and JOBFRAME_REDIS_URL",
    "LOADING": "the server is loading its data: try again in a moment",
    "READONLY": "the server is a replica and takes no writes: name the primary, or use redis+sentinel://",
    "MASTERDOWN": "the server is a replica that lost its primary",
    "CLUSTERDOWN": "the cluster is down: not every slot has a node",
    "TRYAGAIN": "the cluster is moving the slot: try again in a moment",
    "MOVED": "the cluster moved the slot: try again in a moment",
    "ASK": "the cluster is moving the slot: try again in a moment",
    "MISCONF": "the server cannot write to its disk and takes no writes: free some space, and see its log",
    "NOREPLICAS": "the server lacks the replicas that it needs to take writes",
    "BUSY": "the server is busy with a script: try again in a moment",
}
"""Answers by which the server says that it did nothing."""

_CODES: tuple[tuple[type[BaseException], str], ...] = (
    (redis_errors.OutOfMemoryError, "OOM"),
    (redis_errors.BusyLoadingError, "LOADING"),
    (redis_errors.AuthenticationError, "WRONGPASS"),
    (redis_errors.AuthenticationWrongNumberOfArgsError, "WRONGPASS"),
    (redis_errors.ReadOnlyError, "READONLY"),
    (redis_errors.MasterDownError, "MASTERDOWN"),
    (redis_errors.ClusterDownError, "CLUSTERDOWN"),
    (redis_errors.SlotNotCoveredError, "CLUSTERDOWN"),
    (redis_errors.TryAgainError, "TRYAGAIN"),
    (redis_errors.MovedError, "MOVED"),
    (redis_errors.AskError, "ASK"),
)
"""The client's classes that stand for a code which it cut from the text; the first that fits."""

_TOO_MANY = "too many connections to the server are open"
_NO_PRIMARY = "no sentinel that answers knows a primary of this name"
_FORBIDDEN_IN_SCRIPT = (
    "ACL failure in script",
    "The user executing the script can't",
)  # as newer and older servers say it
_NO_CLUSTER = "the server is no part of a cluster: use redis:// for one server"
_FORBIDDEN = "the server's access list forbids a command or a key: see the rights of its user"
_REASONS: tuple[tuple[type[BaseException], str, bool | None], ...] = (
    (redis_errors.NoPermissionError, _FORBIDDEN, None),
    (redis.sentinel.MasterNotFoundError, _NO_PRIMARY, False),
    (redis.asyncio.sentinel.MasterNotFoundError, _NO_PRIMARY, False),
    (redis_errors.MaxConnectionsError, _TOO_MANY, False),
    (redis_errors.RedisClusterException, _NO_CLUSTER, False),
    (redis_errors.TimeoutError, "the server did not answer in time", None),
    (TimeoutError, "the server did not answer in time", None),
)
"""What other classes mean, and whether they certainly changed nothing; the first that fits."""

_KNOWN_CODES = {*_REFUSALS, "CROSSSLOT", "WRONGTYPE"}
_CODE = re.compile(r"(?:.*caused error: \W*)?([A-Z]{2,20})\b", re.DOTALL)  # a pipeline puts its command first
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_NEVER_SENT = {errno.ECONNREFUSED, errno.ENOENT, errno.EACCES, errno.EHOSTUNREACH, errno.ENETUNREACH}


def classify(error: BaseException, address: str = "") -> JobframeError:
    """
    Turn what the client raised into an error of ours that repeats no command.

    Raise the answer ``from None``: the client's own text, in a traceback, would show the payload.

    Args:
        error: One of `STORE_ERRORS`, or already one of ours.
        address: Which server, fit to be shown (`Endpoint.address`); empty when the reader knows.

    """
    if isinstance(error, JobframeError):
        return error
    code = _code(error)
    if code == "OOM":
        return StoreFull()
    reason, acknowledged = _meaning(error, code)
    return StoreUnavailable(f"{address}: {reason}" if address else reason, acknowledged=acknowledged)


def _code(error: BaseException) -> str:
    """Find the code word with which the server's answer began; empty when there is none that we know."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    found = _CODE.match(str(error)) if isinstance(error, redis_errors.ResponseError) else None
    return found[1] if found and found[1] in _KNOWN_CODES else ""


def _meaning(error: BaseException, code: str) -> tuple[str, bool | None]:
    """Say what happened, and False when it certainly changed nothing."""
    if code in _REFUSALS:
        return _REFUSALS[code], False
    if str(error).startswith(_FORBIDDEN_IN_SCRIPT):  # its class says no more than that there was an error
        return _FORBIDDEN, None
    if str(error) == "max number of clients reached":  # its class says no more than that the connection is lost
        return _TOO_MANY, False
    for kind, reason, acknowledged in _REASONS:
        if isinstance(error, kind):
            return reason, acknowledged
    if isinstance(error, (redis_errors.ConnectionError, OSError, EOFError)):
        return _lost(error)
    return f"the server answered with an error ({code or type(error).__name__})", None


def _lost(error: BaseException) -> tuple[str, bool | None]:
    """Look for the operating system's word on it: its texts hold no command."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OSError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"cannot reach the server: its certificate is not valid here ({cause.verify_message})", False
    if isinstance(cause, ssl.SSLError):
        return "cannot reach the server: it does not speak TLS as asked", False
    if isinstance(cause, socket.gaierror):
        return "cannot reach the server: its host name is not known", False
    number = _errno(cause)
    if not number:
        return "the connection to the server was lost", None
    why = os.strerror(number).lower()
    if number in _NEVER_SENT:
        return f"cannot reach the server: {why}", False
    return f"the connection to the server was lost: {why}", None


def _errno(error: OSError | None) -> int:
    """Find the number of a failed connection, also when each address of a host failed in its own way."""
    if error is None:
        return 0
    found = _ERRNO.search(str(error))
    return error.errno or (int(found[1]) if found else 0)
