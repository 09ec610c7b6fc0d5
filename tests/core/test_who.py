"""Who asks for something."""

import getpass
import os
import socket

import pytest

from jobframe.core.who import who


def test_it_is_the_user_on_this_machine(monkeypatch):
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")

    assert f"ann@{socket.gethostname()}" == who()


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError()])
def test_without_names_it_is_the_number(monkeypatch, error):
    def nameless():
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)

    assert f"{os.getuid()}@{socket.gethostname()}" == who()
