"""Which server a URL means: checked with sentences that name what would be right and never show a password."""

from __future__ import annotations

from typing import Literal, NoReturn
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import attrs

from jobframe.core.errors import ConfigError, Problem
from jobframe.core.policy import nearest

__all__ = ["Endpoint", "Kind", "parse"]

Kind = Literal["redis", "unix", "sentinel", "cluster"]

_KINDS: dict[str, tuple[Kind, bool]] = {
    "redis": ("redis", False),
    "rediss": ("redis", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_OPTIONS = [
    "db", "username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "sentinel_username",
    "sentinel_password",
]  # fmt: skip
_PORTS = {"redis": 6379, "cluster": 6379, "sentinel": 26379, "unix": 0}
_EXAMPLE = {
    "redis": "redis://localhost:6379/0",
    "unix": "unix:///run/valkey.sock?db=0",
    "sentinel": "redis+sentinel://h1,h2:26379/mymaster/0",
    "cluster": "redis+cluster://h1:6379,h2:6379",
}


@attrs.frozen(kw_only=True)
class Endpoint:
    """
    One server, or the servers that stand for one.

    Attributes:
        kind: How to find the server that takes writes.
        hosts: Host and port of each server named: one for ``redis``, none for ``unix``.
        path: Path of the unix socket; empty otherwise.
        service: Name under which the sentinels know the primary; empty otherwise.
        db: Number of the database; always 0 on a cluster.
        tls: Whether to speak TLS, checking certificate and host name.
        username: User of the access list; None for the default user.
        password: Its password; never shown.
        ca_certs: File of the authorities to trust instead of the machine's; None for those.
        certfile: File of the client's certificate; None without one.
        keyfile: File of its key; None without one.
        sentinel_username: User of the sentinels; None for the default user.
        sentinel_password: Its password; never shown.

    """

    kind: Kind
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    db: int = 0
    tls: bool = False
    username: str | None = None
    password: str | None = attrs.field(default=None, repr=False)
    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    sentinel_username: str | None = None
    sentinel_password: str | None = attrs.field(default=None, repr=False)

    @property
    def address(self) -> str:
        """The URL without user, password and files: fit to be shown."""
        if self.kind == "unix":
            return f"unix://{self.path}" + (f"?db={self.db}" if self.db else "")
        scheme = next(scheme for scheme, meaning in _KINDS.items() if meaning == (self.kind, self.tls))
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        path = {"redis": f"/{self.db}", "sentinel": f"/{self.service}/{self.db}"}.get(self.kind, "")
        return f"{scheme}://{hosts}{path}"


def parse(url: str) -> Endpoint:
    """
    Read a server's URL.

    Raises:
        ConfigError: It means no server; the text repeats no part of it that could be a password.

    """
    scheme, colon, rest = url.strip().partition("://")
    if not colon or scheme.lower() not in _KINDS:
        _refuse(f"begins with none of {', '.join(f'{known}://' for known in _KINDS)}")
    kind, tls = _KINDS[scheme.lower()]
    parts = _split(rest, kind)
    if "@" in parts.path + parts.query or parts.fragment:
        _refuse("write these characters of a password in percent form: @ as %40, / as %2F, ? as %3F, # as %23", kind)
    userinfo, _, netloc = parts.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    options = _options(parts.query, kind)
    path, service, db = _place(kind, unquote(parts.path), options.get("db", ""))
    return Endpoint(
        kind=kind,
        hosts=_hosts(kind, netloc),
        path=path,
        service=service,
        db=db,
        tls=tls,
        username=unquote(username) or options.get("username"),
        password=unquote(password) or options.get("password"),
        ca_certs=options.get("ssl_ca_certs"),
        certfile=options.get("ssl_certfile"),
        keyfile=options.get("ssl_keyfile"),
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
    )


def _options(query: str, kind: Kind) -> dict[str, str]:
    options = dict(parse_qsl(query))
    for name in options:
        if name not in _OPTIONS:
            _refuse(f"has an unknown option{nearest(name, _OPTIONS)}", kind)
    return options


def _hosts(kind: Kind, netloc: str) -> tuple[tuple[str, int], ...]:
    if kind == "unix":
        if netloc:
            _refuse("names a host: a socket's path begins with a third slash", kind)
        return ()
    texts = netloc.split(",")
    if kind == "redis" and len(texts) > 1:
        _refuse("names several hosts: redis+sentinel:// or redis+cluster:// may be meant", kind)
    return tuple(_host(text, kind) for text in texts)


def _host(text: str, kind: Kind) -> tuple[str, int]:
    parts = _split(text, kind)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        _refuse("has a port that is not a number from 1 to 65535", kind)
    if not host and kind != "redis":
        _refuse("has an empty host between its commas", kind)
    return host or "localhost", port or _PORTS[kind]


def _place(kind: Kind, path: str, db: str) -> tuple[str, str, int]:
    """Read the part behind the hosts: path of the socket, name of the primary, number of the database."""
    if kind == "unix":
        if path in {"", "/"}:
            _refuse("names no socket", kind)
        return path, "", _number(db, kind)
    first, _, second = path.strip("/").partition("/")
    if kind == "sentinel":
        if not first:
            _refuse("does not name the primary as the sentinels know it", kind)
        return "", first, _number(second or db, kind)
    if second:
        _refuse("has more behind the number of the database", kind)
    number = _number(first or db, kind)
    if kind == "cluster" and number:
        _refuse("names a database: a cluster has only 0", kind)
    return "", "", number


def _number(text: str, kind: Kind) -> int:
    if text and not (text.isascii() and text.isdigit()):
        _refuse("has a database that is not a number", kind)
    return int(text or 0)


def _split(text: str, kind: Kind) -> SplitResult:
    try:
        return urlsplit(f"//{text}")
    except ValueError:
        _refuse("has a host that is no name and no address; one with colons stands in [ ]", kind)


def _refuse(what: str, kind: Kind = "redis") -> NoReturn:
    raise ConfigError(Problem("redis.url", f"{what}; an example: {_EXAMPLE[kind]}")) from None  # its text has the URL
