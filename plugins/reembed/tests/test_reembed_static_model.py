"""The model in wordllama's wheel."""

from __future__ import annotations

import logging
import math
import socket
import struct
from array import array

import pytest

from jobframe import ConfigError
from jobframe_reembed.embedder import Model
from jobframe_reembed.settings import ReembedSettings


@pytest.fixture
async def embedder(monkeypatch):
    """The default model, opened on a machine without a network."""

    def no_network(*_):
        raise AssertionError("the default model must not reach for the network")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    async with Model(ReembedSettings()) as model:
        yield await model.embedder()


def cosine(one: bytes, other: bytes) -> float:
    return sum(a * b for a, b in zip(array("f", one), array("f", other), strict=True))


async def test_like_texts_have_like_vectors(embedder):
    cat, kitten, tax = await embedder.embed(["The cat sleeps.", "A kitten is dozing.", "Pay your taxes by June."])

    assert cosine(cat, kitten) > cosine(cat, tax) + 0.1


async def test_a_vector_is_little_endian_float32_of_length_one(embedder):
    [vector] = await embedder.embed(["a few words"])

    numbers = struct.unpack("<256f", vector)
    assert 256 == embedder.dim
    assert math.isclose(1.0, sum(number * number for number in numbers), rel_tol=1e-5)


async def test_a_text_without_any_word_has_a_vector_of_zeros(embedder):
    vectors = await embedder.embed(["", "words"])

    assert bytes(4 * 256) == vectors[0] != vectors[1]


async def test_no_texts_need_no_vectors(embedder):
    assert [] == await embedder.embed([])


async def test_a_vector_does_not_depend_on_what_is_embedded_beside_it(embedder):
    [alone] = await embedder.embed(["short text"])
    beside, _ = await embedder.embed(["short text", "a far longer text " * 50])

    assert math.isclose(1.0, cosine(alone, beside), rel_tol=1e-4)


async def test_the_fingerprint_names_provider_model_revision_and_length(embedder):
    assert "wordllama:l2_supercat:0.4.0.post1:256" == embedder.fingerprint


async def test_loading_leaves_the_root_logger_as_it_was():
    before = (list(logging.getLogger().handlers), logging.getLogger().level)
    async with Model(ReembedSettings()) as model:
        await model.embedder()

    assert before == (logging.getLogger().handlers, logging.getLogger().level)


async def test_the_model_is_opened_once():
    async with Model(ReembedSettings()) as model:
        assert await model.embedder() is await model.embedder()


async def test_an_unknown_model_names_the_nearest_installed_one():
    async with Model(ReembedSettings(model="wordlama")) as model:
        with pytest.raises(ConfigError, match=r"settings\.reembed\.model: .*wordllama"):
            await model.embedder()
