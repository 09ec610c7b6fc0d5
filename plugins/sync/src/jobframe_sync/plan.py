"""The pure part of a sync: what the source lists against what the corpus holds."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

__all__ = ["Plan", "compare"]


@attrs.frozen
class Plan:
    """
    What a sync has to do.

    Attributes:
        added: Uri → version of documents that the corpus does not hold.
        changed: Uri → version of documents that it holds in another version.
        removed: Uri → held version of documents that the source no longer lists.
        unchanged: How many documents need nothing.

    """

    added: dict[str, str]
    changed: dict[str, str]
    removed: dict[str, str]
    unchanged: int

    @property
    def held(self) -> int:
        """How many documents the corpus holds now."""
        return len(self.changed) + len(self.removed) + self.unchanged

    @property
    def removed_share(self) -> float:
        """Which share of the documents held would go, 0 to 1."""
        return len(self.removed) / self.held if self.held else 0.0

    def counts(self) -> dict[str, int]:
        """Count each kind."""
        return {
            "added": len(self.added),
            "changed": len(self.changed),
            "removed": len(self.removed),
            "unchanged": self.unchanged,
        }


def compare(listed: Mapping[str, str], held: Mapping[str, str]) -> Plan:
    """
    Compare versions by uri.

    Args:
        listed: Uri → version, all that the source lists now.
        held: Uri → version, all that the corpus holds of this source.

    """
    added = {uri: version for uri, version in listed.items() if uri not in held}
    changed = {uri: version for uri, version in listed.items() if uri in held and held[uri] != version}
    removed = {uri: version for uri, version in held.items() if uri not in listed}
    return Plan(added, changed, removed, unchanged=len(listed) - len(added) - len(changed))
