"""Sealed fields open for one job and one field, with the key that their token names, and not otherwise."""

from __future__ import annotations

import base64
import subprocess
import sys

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.keyring import NO_KEYS, Keyring
from jobframe.store.seal import MissingKey, Unsealable, key_of, open_fields, seal_fields

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
RING = Keyring({"k2": NEW, "k1": OLD})
BODY = b'{"name":"ann","iban":"DE02","n":7}'
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab"), inner, max_size=3),
    max_leaves=8,
)


def opened(keyring, body, sealed, type="a.b", unique="x"):
    return msgspec.json.decode(open_fields(keyring, type, unique, body, sealed)[0])


def test_a_token_is_the_id_of_the_key_and_nonce_ciphertext_and_tag_in_base64():
    body, sealed = seal_fields(RING, "a.b", "x", BODY, ("iban",))

    assert b'{"name":"ann","n":7}' == body
    kid, _, text = sealed["iban"].partition(".")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    assert ("k2", 12 + len(b'"DE02"') + 16) == (kid, len(raw))
    assert b'"DE02"' == AESGCM(NEW).decrypt(raw[:12], raw[12:], b"a.b:x\tiban")


def test_a_token_of_today_opens_for_ever():
    sealed = {
        "iban": "k1."
        + base64.urlsafe_b64encode(b"n" * 12 + AESGCM(OLD).encrypt(b"n" * 12, b'"DE02"', b"a.b:x\tiban"))
        .decode()
        .rstrip("=")
    }

    assert {"name": "ann", "iban": "DE02"} == opened(RING, b'{"name":"ann"}', sealed)


@given(secret=values, other=values)
def test_whatever_json_carries_comes_back(secret, other):
    payload = {"secret": secret, "other": other, "none": None}
    body, sealed = seal_fields(RING, "a.b", "x", msgspec.json.encode(payload), ("secret", "absent", "none"))

    assert ({"other"}, {"secret", "none"}) == (msgspec.json.decode(body).keys(), sealed.keys())
    assert payload == opened(RING, body, sealed)


def test_what_was_sealed_is_told_apart_from_the_rest():
    body, sealed = seal_fields(RING, "a.b", "x", BODY, ("iban", "n"))

    _, secrets = open_fields(RING, "a.b", "x", body, sealed)

    assert [b'"DE02"', b"7"] == [bytes(each) for each in secrets]


def test_the_same_value_is_never_sealed_to_the_same_token():
    tokens = {seal_fields(RING, "a.b", "x", BODY, ("iban",))[1]["iban"] for _ in range(50)}

    assert 50 == len(tokens)


@pytest.mark.parametrize(("type", "unique"), [("a.b", "y"), ("a.c", "x"), ("a", "b:x")])
def test_a_token_moved_to_another_job_does_not_open(type, unique):
    body, sealed = seal_fields(RING, "a.b", "x", BODY, ("iban",))

    with pytest.raises(Unsealable, match="field 'iban' does not open with key 'k2'"):
        open_fields(RING, type, unique, body, sealed)


def test_a_token_moved_to_another_field_does_not_open():
    body, sealed = seal_fields(RING, "a.b", "x", BODY, ("iban", "name"))

    with pytest.raises(Unsealable):
        open_fields(RING, "a.b", "x", body, {"iban": sealed["name"], "name": sealed["iban"]})


def test_a_token_that_was_changed_anywhere_does_not_open():
    body, sealed = seal_fields(RING, "a.b", "x", BODY, ("iban",))
    token = sealed["iban"]

    for at in range(3, len(token)):
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        if base64.urlsafe_b64decode(changed[3:] + "==") == base64.urlsafe_b64decode(token[3:] + "=="):
            continue  # bits of the last character that stand for nothing
        with pytest.raises(Unsealable):
            open_fields(RING, "a.b", "x", body, {"iban": changed})


@pytest.mark.parametrize(
    "token", ["", ".", "k1", "k1.", "k1.AAAA", "k1.!", "k1.é", "k1." + "A" * 37, "a b.AAAA", "x" * 40]
)
def test_what_is_no_token_does_not_open(token):
    with pytest.raises(Unsealable):
        open_fields(RING, "a.b", "x", b"{}", {"iban": token})


def test_the_other_key_is_never_tried():
    body, sealed = seal_fields(Keyring({"k1": NEW}), "a.b", "x", BODY, ("iban",))

    with pytest.raises(Unsealable):
        open_fields(RING, "a.b", "x", body, sealed)  # its k2 would open it


def test_a_missing_key_is_told_by_its_id():
    body, sealed = seal_fields(RING, "a.b", "x", BODY, ("iban",))

    for keyring in (NO_KEYS, Keyring({"k1": OLD})):
        with pytest.raises(MissingKey) as missing:
            open_fields(keyring, "a.b", "x", body, sealed)
        assert "k2" == missing.value.kid
    assert "k2" == key_of(sealed)
    assert key_of({}) is None
    assert key_of({"iban": "?.AAAA"}) is None


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b"{"])
def test_other_fields_that_are_damaged_are_told_as_such(body):
    _, sealed = seal_fields(RING, "a.b", "x", BODY, ("iban",))

    with pytest.raises(Unsealable, match="its other fields are damaged"):
        open_fields(RING, "a.b", "x", body, sealed)


@pytest.mark.parametrize(
    "module", ["jobframe.wiring", "jobframe.client", "jobframe.runtime.runtime", "jobframe.cli.keys"]
)
def test_nobody_loads_the_ciphers_who_seals_nothing(module):
    code = f"import sys, {module}; sys.exit('cryptography.hazmat.primitives.ciphers.aead' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode


@pytest.mark.parametrize("code", ["import jobframe", "from jobframe.cli.main import run; run(['--help'])"])
def test_nothing_of_the_library_is_loaded_without_a_server(code):  # redis-py itself loads some of it
    code += "; import sys; sys.exit('cryptography' in sys.modules)"

    assert 0 == subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode
