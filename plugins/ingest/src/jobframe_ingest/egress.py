"""HTTP for sources that cannot be talked into fetching from the inside of the network."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

import aiohttp

__all__ = ["REFUSED", "open_session", "open_session_anywhere"]

REFUSED = "private address refused"
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)


async def open_session(**options: Any) -> aiohttp.ClientSession:
    """Make a session that connects to public addresses only, checked at each connect, thus at each redirect too."""
    return _session(aiohttp.TCPConnector(socket_factory=_public_socket), options)


async def open_session_anywhere(**options: Any) -> aiohttp.ClientSession:
    """Make a session that connects to any address."""
    return _session(aiohttp.TCPConnector(), options)


def _session(connector: aiohttp.TCPConnector, options: dict[str, Any]) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(**{**options, "connector": connector, "timeout": _TIMEOUT, "trust_env": False})


def _public_socket(address: tuple[Any, ...]) -> socket.socket:
    """Refuse by the very address that would be connected to: a name may resolve to another one each time."""
    family, kind, protocol, _, target = address
    ip: Any = ipaddress.ip_address(target[0].partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
    if not inner.is_global or inner.is_multicast:
        raise PermissionError(errno.EACCES, REFUSED)
    return socket.socket(family, kind, protocol)
