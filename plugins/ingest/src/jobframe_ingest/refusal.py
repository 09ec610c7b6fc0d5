"""The error that stands for a document that cannot be ingested as it is."""

__all__ = ["Refused"]


class Refused(Exception):
    """No further attempt can help; the text says why and holds nothing of the document."""
