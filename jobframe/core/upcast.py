"""Old payloads in the shape of today: the author's own function, and what becomes of its mistakes."""

from __future__ import annotations

import msgspec

from jobframe.core.body import to_json
from jobframe.core.errors import PayloadError
from jobframe.core.jobtype import JobType

__all__ = ["upcast"]


def upcast(job_type: JobType, version: int, body: bytes | msgspec.Raw) -> bytes:
    """
    Return *body*, the JSON of a payload of an older *version*, as the present version of *job_type* has it.

    Raises:
        PayloadError: The author's function raised, or returned what is no table of fields; the text holds no value.

    """
    if job_type.upcast is None:
        return bytes(body)
    try:
        fields = job_type.upcast(version, msgspec.json.decode(body))
    except Exception as error:  # noqa: BLE001 - the author's code may raise anything
        raise PayloadError(job_type.name, f"upcast from version {version} raised {type(error).__name__}") from None
    if not isinstance(fields, dict):
        raise PayloadError(job_type.name, f"upcast from version {version} returned {type(fields).__name__}, not a dict")
    return to_json(job_type.name, fields)
