"""The default model: wordllama's static word vectors, whose weights lie in its own wheel; no network, no GPU."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from jobframe_reembed.settings import ReembedSettings

__all__ = ["StaticModel", "load"]

WEIGHTS = "l2_supercat"
TOKENIZED_AT_ONCE = 64
"""The model pads each group to its longest text, so a group is kept small."""


class StaticModel:
    """
    An `Embedder` whose vector is the mean of its tokens' vectors, scaled to length 1.

    Attributes:
        fingerprint: ``wordllama:<weights>:<version of the wheel>:<dim>``.
        dim: Numbers in one vector.

    """

    def __init__(self, inference: Any) -> None:
        """Wrap a loaded ``WordLlamaInference``."""
        self._inference = inference
        self.dim = int(inference.embedding.shape[1])
        self.fingerprint = f"wordllama:{WEIGHTS}:{version('wordllama')}:{self.dim}"

    async def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return one vector per text, in order, computed in a thread: numpy and the tokenizer let the loop run."""
        return await asyncio.to_thread(self._embed, list(texts))

    def _embed(self, texts: list[str]) -> list[bytes]:
        vectors = self._inference.embed(texts, norm=False, batch_size=TOKENIZED_AT_ONCE)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.maximum(lengths, np.finfo(np.float32).tiny)  # a text without any known token stays all zeros
        return [row.tobytes() for row in vectors.astype("<f4", copy=False)]


def load(_settings: ReembedSettings) -> StaticModel:
    """Load the weights from the installed wheel; takes about half a second, so call it in a thread."""
    with _root_logger_as_it_was():
        import wordllama  # noqa: PLC0415 - see the context manager
    # The wheel's own look-up misses its tokenizer and would ask the network; its package folder as the cache has it.
    folder = Path(wordllama.__file__).parent
    return StaticModel(wordllama.WordLlama.load(WEIGHTS, cache_dir=folder, disable_download=True))


@contextmanager
def _root_logger_as_it_was() -> Iterator[None]:
    """Undo the ``logging.basicConfig`` that wordllama calls when it is imported."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
