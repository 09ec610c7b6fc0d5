"""An embedding model behind an OpenAI-compatible ``/embeddings`` endpoint: OpenAI, Ollama, vLLM, TEI, llama.cpp."""

from __future__ import annotations

import datetime as dt
import math
import os
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from jobframe import ConfigError, Fail, Problem, Retry
from jobframe_reembed.settings import ReembedSettings

__all__ = ["EndpointModel", "open_endpoint"]

MAX_CHARACTERS = 400_000
"""Texts of one call together: near 100,000 tokens, a third of what OpenAI takes at once."""

LONGEST_WAIT = dt.timedelta(hours=1)
"""A ``Retry-After`` beyond it is cut: an endpoint must not park a job for days."""

CONNECT_S = 10.0
"""Only connecting is timed here: how long an answer may take is the job's own timeout."""


class _Item(msgspec.Struct):
    index: int
    embedding: list[float]


class _Answer(msgspec.Struct):
    data: list[_Item]


class EndpointModel:
    """
    An `Embedder` that asks an endpoint.

    Attributes:
        fingerprint: ``openai:<model>:<revision>:<dim>``.
        dim: Numbers in one vector.

    """

    def __init__(self, settings: ReembedSettings, session: aiohttp.ClientSession) -> None:
        """Ask nothing yet; *dim* is 0 until `measure`."""
        self._settings = settings
        self._session = session
        self._url = f"{(settings.base_url or '').rstrip('/')}/embeddings"
        self.dim = settings.dimensions or 0

    @property
    def fingerprint(self) -> str:
        """Name the model: provider, model, revision, length of its vectors."""
        return f"openai:{self._settings.model}:{self._settings.revision}:{self.dim}"

    async def measure(self) -> None:
        """Learn the length of the endpoint's vectors from one word, unless the settings fix it."""
        if not self.dim:
            self.dim = len((await self._ask(["length"]))[0])

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """
        Return one vector per text, in order, in as few calls as the limits allow.

        Raises:
            Retry: The endpoint is busy (429), failing (5xx); after its ``Retry-After`` when it names one.
            Fail: The endpoint refuses the call, or its answer is not of the documented form.
            aiohttp.ClientOSError: It cannot be reached.

        """
        vectors: list[bytes] = []
        for some in split(texts, self._settings.batch):
            vectors += [self._pack(vector) for vector in await self._ask(some)]
        return vectors

    async def _ask(self, texts: Sequence[str]) -> list[list[float]]:
        body: dict[str, Any] = {"model": self._settings.model, "input": list(texts), "encoding_format": "float"}
        if self._settings.dimensions:
            body["dimensions"] = self._settings.dimensions
        try:
            async with self._session.post(self._url, json=body, allow_redirects=False) as response:
                status, headers, answer = response.status, response.headers, await response.read()
        except aiohttp.ClientError as error:
            reason = f"the embedding endpoint {self._url} cannot be reached: {type(error).__name__}"
            raise aiohttp.ClientOSError(reason) from None
        if status != HTTPStatus.OK:
            raise self._refusal(status, headers)
        return self._in_order(answer, len(texts))

    def _refusal(self, status: int, headers: Mapping[str, str]) -> Retry | Fail:
        """Say what the status means for the job; the answer's text may repeat its input, so it is not kept."""
        reason = f"the embedding endpoint {self._url} answered {status}"
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Retry(after=retry_after(headers), reason=reason)
        return Fail(f"{reason}: check base_url, model and key_env in [settings.reembed]")

    def _in_order(self, body: bytes, expected: int) -> list[list[float]]:
        try:
            items = {item.index: item.embedding for item in msgspec.json.decode(body, type=_Answer).data}
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise Fail(f"the embedding endpoint {self._url} answered no list of embeddings") from None
        if items.keys() != set(range(expected)):
            raise Fail(f"the embedding endpoint {self._url} did not answer one embedding for each of {expected} texts")
        return [items[index] for index in range(expected)]

    def _pack(self, vector: list[float]) -> bytes:
        if len(vector) != self.dim:
            raise Fail(f"the embedding endpoint {self._url} answered {len(vector)} numbers where {self.dim} were due")
        packed = array("f", vector)
        if not all(map(math.isfinite, packed)):
            raise Fail(f"the embedding endpoint {self._url} answered a number beyond float32")
        if sys.byteorder == "big":
            packed.byteswap()
        return packed.tobytes()


async def open_endpoint(settings: ReembedSettings, opened: AsyncExitStack) -> EndpointModel:
    """
    Open a session to the endpoint, closed with *opened*, and learn the length of its vectors.

    Raises:
        ConfigError: The variable that ``key_env`` names is not set.
        Retry: The endpoint is busy or failing.
        Fail: The endpoint refuses.
        aiohttp.ClientOSError: It cannot be reached.

    """
    headers = {"Authorization": f"Bearer {_key(settings.key_env)}"} if settings.key_env else {}
    async with AsyncExitStack() as attempt:
        timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_S)
        # trust_env stays off: an environment's proxy must not see document texts.
        session = await attempt.enter_async_context(aiohttp.ClientSession(headers=headers, timeout=timeout))
        model = EndpointModel(settings, session)
        await model.measure()
        opened.push_async_exit(attempt.pop_all())
        return model


def split(texts: Sequence[str], most: int) -> Iterator[Sequence[str]]:
    """Cut *texts* into runs of at most *most* texts and 400,000 characters; a longer text is alone in its run."""
    start = characters = 0
    for index, text in enumerate(texts):
        if index > start and (index - start == most or characters + len(text) > MAX_CHARACTERS):
            yield texts[start:index]
            start, characters = index, 0
        characters += len(text)
    if start < len(texts):
        yield texts[start:]


def retry_after(headers: Mapping[str, str]) -> dt.timedelta | None:
    """Read ``Retry-After``: seconds, or a date, compared with the answer's own ``Date``; None when unusable."""
    value = headers.get("Retry-After", "")
    try:
        wait = dt.timedelta(seconds=float(value)) if value.strip().isdigit() else _until(value, headers["Date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, dt.timedelta()), LONGEST_WAIT)


def _until(then: str, now: str) -> dt.timedelta:
    return parsedate_to_datetime(then) - parsedate_to_datetime(now)


def _key(variable: str) -> str:
    key = os.environ.get(variable, "")
    if not key:
        problem = f"environment variable {variable} is not set: it holds the endpoint's key"
        raise ConfigError(Problem("settings.reembed.key_env", problem))
    return key
