"""The error that stands for a document that cannot be ingested as it is."""

__all__ = ["Refused"]


class Refused(Exception):  # noqa: N818 - what happened to the document, as in "connection refused"
    """No further attempt can help; the text says why and holds nothing of the document."""
