"""Log lines of jobs with sealed fields: whatever a handler says, what is sealed is masked."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import structlog

from jobframe.core.scrub import masker

__all__ = ["masked_logger"]


def masked_logger(name: str, secret: bytes) -> Any:
    """Return the logger *name*, in whose lines is masked what stands in *secret*, the JSON list of what is sealed."""
    mask, config = masker(secret), structlog.get_config()
    with_traceback = structlog.processors.ExceptionRenderer()  # without local variables

    def hide(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        lines = with_traceback(logger, method, event)
        for key, value in lines.items():
            shown = value if isinstance(value, str) else repr(value)
            if (masked := mask(shown)) != shown:
                lines[key] = masked
        return lines

    return structlog.wrap_logger(config["logger_factory"](name), processors=[hide, *config["processors"]])
