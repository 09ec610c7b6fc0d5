"""The table ``[settings.sync]`` of jobs.toml: which places are kept in step with the corpus."""

from __future__ import annotations

import attrs

__all__ = ["SourceSettings", "SyncSettings"]


def _check_globs(_settings: object, _field: object, patterns: tuple[str, ...]) -> None:
    from fsspec.utils import glob_translate  # noqa: PLC0415 - only a configured source needs it

    for pattern in patterns:
        if pattern.startswith("/"):
            msg = f"include pattern {pattern!r}: patterns are relative to the url, without a leading /"
            raise ValueError(msg)
        glob_translate(pattern)


@attrs.frozen
class SourceSettings:
    """
    One place to read documents from.

    Attributes:
        url: Its root: a folder, or any URL that fsspec can list (``https://``, ``s3://``, ``sftp://`` …).
        include: Globs below the root; ``**`` stands for any number of folders.
        max_delete: Largest share of the source's documents, 0 to 1, that one sync may remove.

    """

    url: str = attrs.field(validator=attrs.validators.min_len(1))
    include: tuple[str, ...] = attrs.field(default=("**/*",), validator=_check_globs)
    max_delete: float = attrs.field(
        default=0.3, validator=attrs.validators.and_(attrs.validators.ge(0), attrs.validators.le(1))
    )


@attrs.frozen
class SyncSettings:
    """
    Which places are kept in step with the corpus.

    Attributes:
        sources: Source name → where it is; one table ``[settings.sync.sources.<name>]`` each.

    """

    sources: dict[str, SourceSettings] = attrs.field(factory=dict)
