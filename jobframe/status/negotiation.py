"""Which of the two forms of the metrics an Accept header asks for."""

from __future__ import annotations

__all__ = ["prefers_prometheus"]

_JSON = ("application/json", "application/*", "*/*")
_PROMETHEUS = (
    ("text/plain", "text/*", "*/*"),
    ("application/openmetrics-text", "application/*", "*/*"),
)


def prefers_prometheus(accept: str) -> bool:
    """Tell whether *accept* ranks a Prometheus text format above JSON, which wins a tie and is the default."""
    weights = _weights(accept)
    return max(_rank(weights, names) for names in _PROMETHEUS) > _rank(weights, _JSON)


def _rank(weights: dict[str, float], names: tuple[str, ...]) -> float:
    """Take the weight of the most exact of *names* that the client gave."""
    return next((weights[name] for name in names if name in weights), 0.0)


def _weights(accept: str) -> dict[str, float]:
    weights = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        try:
            weights[name] = float(quality)
        except ValueError:
            weights[name] = 0.0
    return weights
