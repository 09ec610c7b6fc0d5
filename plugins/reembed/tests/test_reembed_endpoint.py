"""An OpenAI-compatible endpoint, played by a server on the loopback interface."""

from __future__ import annotations

import datetime as dt
import struct

import aiohttp
import pytest
from aiohttp import web

from jobframe import ConfigError, Fail, Retry
from jobframe_reembed.embedder import Model
from jobframe_reembed.endpoint import MAX_CHARACTERS, retry_after, split
from jobframe_reembed.settings import ReembedSettings

PRIVATE = "the secret text of a document"


class Endpoint:
    """
    Answers with the length of each text, in the wrong order, until told otherwise.

    Attributes:
        asked: Bodies of the calls.
        headers: Headers of the last call.
        answer: Makes the next responses instead.

    """

    def __init__(self):
        self.asked = []
        self.headers = {}
        self.answer = None
        self.base_url = ""

    async def handle(self, request):
        body = await request.json()
        self.asked.append(body)
        self.headers = request.headers
        if self.answer is not None:
            return self.answer(body)
        items = [{"index": index, "embedding": [len(text), 0.5, -1]} for index, text in enumerate(body["input"])]
        return web.json_response({"object": "list", "data": items[::-1], "usage": {"total_tokens": 1}})


@pytest.fixture
async def endpoint():
    endpoint = Endpoint()
    app = web.Application(client_max_size=2**24)
    app.router.add_post("/v1/embeddings", endpoint.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    endpoint.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/"
    yield endpoint
    await runner.cleanup()


@pytest.fixture
async def open_model(endpoint):
    """A function that opens the endpoint with the given settings."""
    models = []

    async def open_model(**settings):
        settings = {"base_url": endpoint.base_url, "model": "tiny", **settings}
        models.append(await Model(ReembedSettings(**settings)).__aenter__())
        return await models[-1].embedder()

    yield open_model
    for model in models:
        await model.__aexit__(None, None, None)


async def test_vectors_come_in_the_order_of_the_texts(open_model):
    model = await open_model()

    assert [struct.pack("<3f", 1, 0.5, -1), struct.pack("<3f", 2, 0.5, -1)] == await model.embed(["a", "bb"])


async def test_the_length_of_the_vectors_is_asked_for_once(endpoint, open_model):
    model = await open_model(revision="r2")
    await model.embed(["a"])

    assert (3, "openai:tiny:r2:3") == (model.dim, model.fingerprint)
    assert [["length"], ["a"]] == [body["input"] for body in endpoint.asked]


async def test_wanted_dimensions_are_asked_for_and_nothing_is_measured(endpoint, open_model):
    model = await open_model(dimensions=3)
    await model.embed(["a"])

    assert [{"model": "tiny", "input": ["a"], "encoding_format": "float", "dimensions": 3}] == endpoint.asked


async def test_texts_are_sent_in_batches(endpoint, open_model):
    model = await open_model(dimensions=3, batch=2)
    vectors = await model.embed(["a", "bb", "ccc"])

    assert [["a", "bb"], ["ccc"]] == [body["input"] for body in endpoint.asked]
    assert [1, 2, 3] == [struct.unpack("<3f", vector)[0] for vector in vectors]


async def test_no_texts_ask_nothing(endpoint, open_model):
    model = await open_model(dimensions=3)

    assert [] == await model.embed([])
    assert [] == endpoint.asked


def test_a_batch_is_bounded_by_its_characters_and_a_longer_text_goes_alone():
    half, long = "x" * (MAX_CHARACTERS // 2), "x" * (MAX_CHARACTERS + 1)

    assert [[half, half], [half], [long], [half]] == list(split([half, half, half, long, half], 2048))


async def test_the_key_comes_from_the_environment(endpoint, open_model, monkeypatch):
    monkeypatch.setenv("TINY_KEY", "s3cret")
    await open_model(key_env="TINY_KEY")

    assert "Bearer s3cret" == endpoint.headers["Authorization"]


async def test_no_key_is_sent_unless_named(endpoint, open_model):
    await open_model()

    assert "Authorization" not in endpoint.headers


async def test_a_key_that_is_not_in_the_environment_is_a_configuration_error(open_model, monkeypatch):
    monkeypatch.delenv("TINY_KEY", raising=False)
    with pytest.raises(ConfigError, match="environment variable TINY_KEY is not set"):
        await open_model(key_env="TINY_KEY")


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_or_failing_endpoint_has_the_job_run_again_when_it_says(endpoint, open_model, status):
    model = await open_model(dimensions=3)
    endpoint.answer = lambda _: web.Response(status=status, text=PRIVATE, headers={"Retry-After": "7"})
    with pytest.raises(Retry) as caught:
        await model.embed([PRIVATE])

    assert 7000 == caught.value.after_ms
    assert str(status) in caught.value.reason
    assert PRIVATE not in caught.value.reason


async def test_a_busy_endpoint_that_names_no_time_leaves_it_to_the_backoff(endpoint, open_model):
    model = await open_model(dimensions=3)
    endpoint.answer = lambda _: web.Response(status=429)
    with pytest.raises(Retry) as caught:
        await model.embed(["a"])

    assert caught.value.after_ms is None


@pytest.mark.parametrize("status", [307, 400, 401, 404])
async def test_a_refusal_is_a_dead_letter_that_says_what_to_check(endpoint, open_model, status):
    model = await open_model(dimensions=3)
    endpoint.answer = lambda body: web.Response(status=status, text=body["input"][0], headers={"Location": "/else"})
    with pytest.raises(Fail, match=f"answered {status}: check base_url, model and key_env") as caught:
        await model.embed([PRIVATE])

    assert PRIVATE not in caught.value.reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not json", "no list of embeddings"),
        ('{"data": [{"index": 0, "embedding": ["1"]}]}', "no list of embeddings"),
        ('{"error": "the secret text of a document"}', "no list of embeddings"),
        ('{"data": []}', "one embedding for each of 1 texts"),
        ('{"data": [{"index": 1, "embedding": [1, 2, 3]}]}', "one embedding for each of 1 texts"),
        ('{"data": [{"index": 0, "embedding": [1, 2]}]}', "2 numbers where 3 were due"),
        ('{"data": [{"index": 0, "embedding": [1, 2, 1e39]}]}', "beyond float32"),
    ],
)
async def test_an_answer_of_another_form_is_refused_without_repeating_it(endpoint, open_model, body, reason):
    model = await open_model(dimensions=3)
    endpoint.answer = lambda _: web.Response(text=body)
    with pytest.raises(Fail, match=reason) as caught:
        await model.embed([PRIVATE])

    assert PRIVATE not in caught.value.reason


async def test_an_unreachable_endpoint_is_an_ordinary_error_and_is_tried_again(endpoint, open_model):
    with pytest.raises(aiohttp.ClientOSError, match="cannot be reached"):
        await open_model(base_url="http://127.0.0.1:9/v1")


async def test_a_proxy_of_the_environment_is_not_used(endpoint, open_model, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert 3 == (await open_model()).dim


async def test_an_endpoint_that_fails_at_first_is_opened_by_the_next_attempt(endpoint):
    async with Model(ReembedSettings(base_url=endpoint.base_url, model="tiny")) as model:
        endpoint.answer = lambda _: web.Response(status=503)
        with pytest.raises(Retry):
            await model.embedder()
        endpoint.answer = None

        assert 3 == (await model.embedder()).dim


async def test_a_document_is_embedded_by_an_endpoint(endpoint, corpus, put, context, reembed):
    document = put("a.md", "one text", "another")
    ctx = await context(ReembedSettings(base_url=endpoint.base_url, model="tiny"))

    assert {"embedded": 2, "outdated": 0} == await reembed(ctx, document)
    assert {"openai:tiny::3": 2} == corpus.counts().vectors


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "999999999999"}, 3600),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT", "Date": "Wed, 21 Oct 2026 07:28:00 GMT"}, 30),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT", "Date": "Wed, 21 Oct 2026 07:28:30 GMT"}, 0),
        ({"Retry-After": "Wed, 21 Oct 2026 07:28:30 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(headers, seconds):
    assert (None if seconds is None else dt.timedelta(seconds=seconds)) == retry_after(headers)
