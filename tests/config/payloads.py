"""Payloads of the job types that configurations are held against."""

import attrs

import jobframe


@attrs.frozen
class Source:
    source: str
    token: str = jobframe.restricted(default="")
