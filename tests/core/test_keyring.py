"""Keys as an environment variable writes them."""

from __future__ import annotations

import base64

import pytest

from jobframe.core.keyring import NO_KEYS, next_id, parse_keyring, written

ONE, TWO = b"1" * 32, b"2" * 32
SECRET = base64.b64encode(ONE).decode()


def test_the_first_key_seals_and_all_are_there():
    keyring = parse_keyring(f"{written('k2', TWO)}, {written('k1', ONE)},")

    assert {"k2": TWO, "k1": ONE} == keyring.keys
    assert "k2" == keyring.active


@pytest.mark.parametrize("text", ["", "  ", ",", " , "])
def test_nothing_is_no_key(text):
    assert NO_KEYS == parse_keyring(text)
    assert NO_KEYS.active is None


@pytest.mark.parametrize(
    "entry",
    [
        SECRET,
        f"k 1:{SECRET}",
        f":{SECRET}",
        f"k.1:{SECRET}",
        f"{'k' * 33}:{SECRET}",
        "k1:",
        f"k1:{SECRET[:-4]}",
        f"k1:{SECRET}AAAA",
        f"k1:{SECRET[:-1]}",
        f"k1:{'!' * 44}",
        f"k1:{'é' * 44}",
        f"k1:{base64.b64encode(b'x' * 31).decode()}",
    ],
)
def test_what_is_no_key_is_refused_by_its_number_without_being_shown(entry):
    with pytest.raises(ValueError, match=r"^key 2 is not written as ID:KEY") as refused:
        parse_keyring(f"{written('k9', TWO)},{entry}")

    assert SECRET[:8] not in str(refused.value)


def test_two_keys_of_one_id_are_refused():
    with pytest.raises(ValueError, match=r"^key 2 has the id of an earlier one") as refused:
        parse_keyring(f"{written('k1', ONE)},{written('k1', TWO)}")

    assert SECRET not in str(refused.value)


def test_no_key_is_ever_shown():
    shown = repr(parse_keyring(written("k1", ONE)))

    assert "Keyring(keys=['k1'])" == shown


def test_a_new_key_has_an_id_of_its_own():
    assert "k1" == next_id([])
    assert "k12" == next_id(["k2", "k11", "old", "k", "k3x"])
