"""The table ``[settings.reembed]`` of jobs.toml: which embedding model, and how much it is given at once."""

from __future__ import annotations

from urllib.parse import urlsplit

import attrs

__all__ = ["ReembedSettings"]

MAX_BATCH = 2048
"""More inputs than this in one call are refused by OpenAI's endpoint, and by those that copy it."""


def _check_url(_settings: object, _field: object, value: str | None) -> None:
    if value is None:
        return
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        msg = "base_url must look like http://host:port/v1"
        raise ValueError(msg)
    if parts.username or parts.password or parts.query:
        msg = "base_url carries no user, password or query: name the key's environment variable in key_env"
        raise ValueError(msg)


@attrs.frozen
class ReembedSettings:
    """
    Which embedding model, and how much it is given at once.

    Attributes:
        model: Name of an installed embedder; with *base_url*, the name that the endpoint knows its model by.
        base_url: An OpenAI-compatible endpoint, up to and without ``/embeddings``.
        key_env: Environment variable that holds the endpoint's key; none is sent when absent.
        dimensions: Ask the endpoint for vectors of this length; its own length when absent.
        revision: Part of the model's fingerprint; change it when the endpoint changed its model under the same name.
        batch: Most texts in one call, 1 to 2048.

    """

    model: str = attrs.field(default="wordllama", validator=attrs.validators.min_len(1))
    base_url: str | None = attrs.field(default=None, validator=_check_url)
    key_env: str | None = None
    dimensions: int | None = attrs.field(default=None, validator=attrs.validators.optional(attrs.validators.ge(1)))
    revision: str = ""
    batch: int = attrs.field(
        default=256, validator=attrs.validators.and_(attrs.validators.ge(1), attrs.validators.le(MAX_BATCH))
    )
