"""Server URLs: what each means, and what is said about one that means nothing."""

from __future__ import annotations

import pytest

from jobframe.core.errors import ConfigError
from jobframe.store.endpoint import Endpoint, parse

MEANINGS = {
    "redis://localhost:6379/0": Endpoint(kind="redis", hosts=(("localhost", 6379),)),
    "redis://": Endpoint(kind="redis", hosts=(("localhost", 6379),)),
    "redis://db.example": Endpoint(kind="redis", hosts=(("db.example", 6379),)),
    "redis://[::1]:7000/3": Endpoint(kind="redis", hosts=(("::1", 7000),), db=3),
    "redis://h?db=4": Endpoint(kind="redis", hosts=(("h", 6379),), db=4),
    "redis://:secret@h": Endpoint(kind="redis", hosts=(("h", 6379),), password="secret"),
    "redis://anna:p%40ss%2Fw@h": Endpoint(kind="redis", hosts=(("h", 6379),), username="anna", password="p@ss/w"),
    "REDISS://h?ssl_ca_certs=/ca.pem": Endpoint(kind="redis", hosts=(("h", 6379),), tls=True, ca_certs="/ca.pem"),
    "unix:///run/v.sock?db=2": Endpoint(kind="unix", path="/run/v.sock", db=2),
    "unix:///with%20space/v.sock": Endpoint(kind="unix", path="/with space/v.sock"),
    "unix:///v.sock?password=x": Endpoint(kind="unix", path="/v.sock", password="x"),
    "redis+sentinel://h1,h2:1000,[::1]:5/mymaster/7": Endpoint(
        kind="sentinel", hosts=(("h1", 26379), ("h2", 1000), ("::1", 5)), service="mymaster", db=7
    ),
    "rediss+sentinel://u:p@h1/m?sentinel_password=q": Endpoint(
        kind="sentinel",
        hosts=(("h1", 26379),),
        service="m",
        tls=True,
        username="u",
        password="p",
        sentinel_password="q",
    ),
    "redis+cluster://h1:7001,h2": Endpoint(kind="cluster", hosts=(("h1", 7001), ("h2", 6379))),
    "rediss+cluster://h1/0": Endpoint(kind="cluster", hosts=(("h1", 6379),), tls=True),
}

MISTAKES = {
    "localhost:6379": "begins with none of redis://",
    "http://h": "begins with none of redis://",
    "redis://h:port": "port that is not a number",
    "redis://h:99999": "port that is not a number",
    "redis://[::1": r"stands in \[ \]",
    "redis://h/one": "database that is not a number",
    "redis://h/0/1": "more behind the number",
    "redis://h1,h2": "names several hosts",
    "redis://h?dbb=1": "unknown option: did you mean 'db'",
    "unix://run/v.sock": "third slash",
    "unix://": "names no socket",
    "redis+sentinel://h1": "does not name the primary",
    "redis+sentinel://h1,,h2/m": "empty host",
    "redis+cluster://h1/2": "a cluster has only 0",
    "redis://:pass#word@h": "# as %23",
    "redis://:pass/word@h": "/ as %2F",
    "redis://:pass?word@h": r"\? as %3F",
}


@pytest.mark.parametrize("url", MEANINGS)
def test_a_url_means_one_server(url):
    """Every scheme of the contract, with and without its parts."""
    assert MEANINGS[url] == parse(url)


@pytest.mark.parametrize("url", MISTAKES)
def test_a_mistake_is_answered_with_what_would_be_right(url):
    """The message is a sentence about the form and an example, and the setting is named."""
    with pytest.raises(ConfigError, match=MISTAKES[url]) as caught:
        parse(url)

    assert caught.value.problems[0].path == "redis.url"
    assert "://" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:hunter2",
        "redis://:hunter2@h:port",
        "redis://:hunter2/x@h",
        "redis://:hunter2#@h",
        "redis:/:hunter2@h",
        "redis://h?passwort=hunter2",
        "redis://h/hunter2",
        "redis+sentinel://:hunter2@h1",
    ],
)
def test_a_mistake_never_shows_a_password(url):
    """Nothing of the URL is repeated: where the password ends is exactly what is unclear."""
    with pytest.raises(ConfigError) as caught:
        parse(url)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("url", MEANINGS)
def test_what_is_shown_is_a_url_without_secrets(url):
    """The shown address is itself a good URL for the same place."""
    endpoint = parse(url)
    shown = parse(endpoint.address)

    assert (shown.kind, shown.hosts, shown.path, shown.service, shown.db, shown.tls) == (
        endpoint.kind,
        endpoint.hosts,
        endpoint.path,
        endpoint.service,
        endpoint.db,
        endpoint.tls,
    )
    assert shown.password is shown.username is None
    for secret in filter(None, (endpoint.password, endpoint.sentinel_password)):
        assert f"'{secret}'" not in repr(endpoint)
