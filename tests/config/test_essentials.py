"""What a producer needs of the configuration, found without reading the rest."""

import subprocess
import sys

import pytest

from jobframe.config.essentials import durability, importable, keyring, locate
from jobframe.config.reader import read
from jobframe.core.errors import ConfigError
from jobframe.core.keyring import written

PLAIN = {
    "no file": None,
    "an empty file": "",
    "no table": "[runtime]\nmax_jobs = 3\n",
    "a url": '[redis]\nurl = "redis://one:6379/0"\n',
    "both": '[redis]\nurl = "unix:///tmp/s"\nnamespace = "shop"\n[jobs."a.b"]\ntimeout = "2s"\n',
    "an odd namespace": '[redis]\nnamespace = "shop.eu-1"\n',
}
WORDS = ("best-effort", "aof", "replicated")
WRONG = {
    "a number for the url": "[redis]\nurl = 12\n",
    "an empty url": '[redis]\nurl = ""\n',
    "an impossible namespace": '[redis]\nnamespace = "a b"\n',
    "an unknown key": '[redis]\nuri = "redis://one"\n',
    "a table that may be meant": '[reddis]\nurl = "redis://one"\n',
    "no table at all": "redis = 1\n",
    "no TOML": "[redis\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("environ", [{}, {"JOBFRAME_REDIS_URL": "redis://two"}, {"JOBFRAME_REDIS_URL": ""}], ids=str)
def test_it_is_where_the_whole_configuration_says(write, text, environ):
    if text is not None:
        write(text)
    redis = read(None, environ).redis

    assert (redis.url, redis.namespace) == locate(None, environ)


@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told_as_the_whole_configuration_tells_it(write, text):
    write(text)
    with pytest.raises(ConfigError) as whole:
        read(None, {})
    with pytest.raises(ConfigError) as alone:
        locate(None, {})

    assert str(whole.value) == str(alone.value)


def test_a_named_file_that_is_missing_is_an_error(folder):
    with pytest.raises(ConfigError, match="no such file"):
        locate(folder / "none.toml", {})
    with pytest.raises(ConfigError, match="no such file"):
        locate(None, {"JOBFRAME_CONFIG": "none.toml"})


def test_a_producer_does_not_pay_for_the_reader(write):
    write('[redis]\nurl = "redis://one"\n[runtime]\ndurability = "replicated"\n[jobs."a.b"]\nmax_retries = 1\n')
    calls = "e.locate(); e.durability(); e.importable()"
    program = f"import sys; from jobframe.config import essentials as e; {calls}; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert not {"cattrs", "tomlkit", "packaging.requirements", "jobframe.config.schema"} & set(loaded)


@pytest.mark.parametrize(
    "text",
    ["", "[plugins]\n", '[plugins]\nallow = ["one>=1"]\ndisable = ["two"]\n', "[plugins]\nallow = []\n"],
)
def test_what_may_be_imported_is_what_the_whole_configuration_says(write, text):
    write(text)
    plugins = read(None, {}).plugins

    assert (plugins.allow, plugins.disable) == importable(None, {})


@pytest.mark.parametrize(
    "text", [None, "", "[runtime]\n", *(f'[runtime]\ndurability = "{word}"\nmax_jobs = 3\n' for word in WORDS)]
)
@pytest.mark.parametrize("environ", [{}, {"JOBFRAME__RUNTIME__DURABILITY": "best-effort"}], ids=list)
def test_the_durability_is_that_of_the_whole_configuration(write, text, environ):
    if text is not None:
        write(text)

    assert read(None, environ).runtime.durability == durability(None, environ)


@pytest.mark.parametrize(
    "text", ['[runtime]\ndurability = "replica"\n', "[runtime]\ndurability = []\n", "runtime = 1\n", "[run]\n"]
)
def test_a_durability_that_is_none_is_told_as_the_whole_configuration_tells_it(write, text):
    write(text)
    with pytest.raises(ConfigError) as whole:
        read(None, {})
    with pytest.raises(ConfigError) as alone:
        durability(None, {})

    assert str(whole.value) == str(alone.value)


KEY = written("k1", b"1" * 32)


@pytest.mark.parametrize("text", [None, "", "[encryption]\n", '[encryption]\nkeys_env = "ACME_KEYS"\n', "[runtime]\n"])
@pytest.mark.parametrize("environ", [{}, {"JOBFRAME_KEYS": KEY}, {"ACME_KEYS": KEY}, {"JOBFRAME_KEYS": ""}], ids=list)
def test_the_keys_are_those_that_the_whole_configuration_has(write, text, environ):
    if text is not None:
        write(text)

    assert read(None, environ).keyring == keyring(None, environ)


@pytest.mark.parametrize("environ", [{"JOBFRAME_KEYS": "k1:x"}, {"JOBFRAME__ENCRYPTION__KEYS_ENV": "A", "A": KEY[3:]}])
def test_what_is_no_key_is_told_as_the_whole_configuration_tells_it(environ):
    with pytest.raises(ConfigError) as whole:
        read(None, environ)
    with pytest.raises(ConfigError) as alone:
        keyring(None, environ)

    assert str(whole.value) == str(alone.value)
    assert KEY[3:20] not in str(alone.value)


@pytest.mark.parametrize("text", ["[plugin]\nallow = []\n", "[plugins]\nallow = 1\n", "[plugins\n", "plugins = 1\n"])
def test_nothing_is_importable_while_it_is_unclear_what_may_be(write, text):
    write(text)

    with pytest.raises(ConfigError):
        importable(None, {})
