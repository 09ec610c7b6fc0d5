"""Which rights a server's user lacks: found before anything is written, and named."""

import re
import secrets
from importlib import resources

import pytest
import redis

from jobframe.core.errors import ConfigError, StoreUnavailable
from jobframe.store.rights import demand_rights
from jobframe.store.store import Store
from tests.docs.pages import server_rights

LUA = resources.files("jobframe.store") / "lua"
SENT_BY_PYTHON = {"BZPOPMIN", "PING", "SUBSCRIBE", "WAIT"}
"""Besides EVAL and EVALSHA, without which nothing can be asked; reads and arq's keys use what scripts use too."""


def commands_of_scripts():
    texts = [file.read_text() for file in LUA.iterdir() if file.name.endswith(".lua")]
    return {name for text in texts for name in re.findall(r"\b(?:call|variadic)\('([A-Z]+)'", text)}


@pytest.fixture
async def lacking(any_server, namespace):
    """Return what a user is told who has the documented rights, changed by others."""
    url = any_server.flush()
    with redis.Redis.from_url(url) as admin:
        user = f"u{secrets.token_hex(4)}"

        async def ask(*changes, arq_queue="arq:queue"):
            admin.execute_command("ACL", "SETUSER", user, "reset", *server_rights(), *changes)
            store = Store(url.replace("unix://", f"unix://{user}:SECRET@"), namespace)
            try:
                await demand_rights(store, arq_queue)
            except ConfigError as error:
                return str(error)
            finally:
                await store.aclose()
            return ""

        yield ask
        assert not admin.keys("*")
        admin.execute_command("ACL", "DELUSER", user)


async def test_the_documented_rights_are_enough(lacking):
    assert "" == await lacking()


async def test_each_command_that_scripts_call_is_asked_for_and_named(lacking):
    commands = commands_of_scripts()

    assert len(commands) > 30
    for command in sorted((commands | SENT_BY_PYTHON) - {"TIME"}):
        found = await lacking(f"-{command.lower()}", arq_queue="")
        assert re.search(rf"forbids its user {command}( \S+)?: give it", found), f"{command}: {found}"


async def test_a_forbidden_channel_is_named(lacking, namespace):
    found = await lacking("resetchannels", arq_queue="")

    assert f"forbids its user PUBLISH jf:{{{namespace}}}:control, SUBSCRIBE jf:{{{namespace}}}:control: give" in found


async def test_arqs_keys_are_wanted_only_with_the_bridge(lacking):
    without = ["resetkeys", "~jf:*"]
    found = await lacking(*without)

    assert "GET arq:job:" in found
    assert "ZRANGEBYSCORE arq:queue" in found
    assert found.endswith('or do without the bridge to arq: [arq] queue = ""')
    assert "" == await lacking(*without, arq_queue="")


@pytest.mark.parametrize("change", ["-@scripting", "resetkeys", "-time"])
async def test_a_user_that_may_not_even_ask_is_told_so(lacking, change):
    with pytest.raises(StoreUnavailable, match="access list forbids a command or a key: see the rights of its user"):
        await lacking(change)
