"""What differs between the schedules in force and those of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from jobframe.config.changes import Change
from jobframe.config.lines import dotted
from jobframe.config.written import written
from jobframe.core.schedule import Schedule

__all__ = ["schedule_changes"]

_KEYS = {
    "job": "job",
    "every": "every_ms",
    "cron": "cron",
    "tz": "tz",
    "payload": "payload",
    "overlap": "overlap",
    "misfire": "misfire",
}
_OF_TIME = ("every", "cron", "tz")


def schedule_changes(
    before: Mapping[str, Schedule], after: Mapping[str, Schedule], next_slot: Callable[[Schedule], str]
) -> Iterator[Change]:
    """
    Compare schedules by name, those that changed key by key.

    Args:
        before: Those in force.
        after: Those of the file.
        next_slot: Writes when a schedule fires next.

    """
    for name in sorted({**before, **after}):
        old, new, path = before.get(name), after.get(name), ("schedules", name)
        if new is None:
            gone = before[name]
            yield Change(gone.job, dotted(path), gone.timing, "none", "fires no more; jobs that it made stay")
        elif old is None:
            yield Change(new.job, dotted(path), "none", new.timing, f"fires next at {next_slot(new)}")
        else:
            for key, attribute in _KEYS.items():
                values = getattr(old, attribute), getattr(new, attribute)
                if values[0] != values[1]:
                    consequence = f"fires next at {next_slot(new)}" if key in _OF_TIME else ""
                    was, becomes = (_written(attribute, value) for value in values)
                    yield Change(new.job, dotted((*path, key)), was, becomes, consequence)


def _written(attribute: str, value: object) -> str:
    """Write one value; of a payload only which fields it sets."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(value)} }}" if value else "{}"
    return written(attribute, value)
