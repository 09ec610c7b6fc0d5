"""Which plugins are installed, told from metadata alone: nothing is imported."""

from __future__ import annotations

from importlib.metadata import Distribution, EntryPoint, entry_points

import attrs
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

__all__ = ["GROUP", "OWN_DISTRIBUTION", "Installed", "installed"]

GROUP = "jobframe.plugins"
OWN_DISTRIBUTION = "jobframe"


@attrs.frozen
class Installed:
    """
    One entry point of the group ``jobframe.plugins``.

    Attributes:
        name: Its name: the key of the plugin's settings.
        distribution: Name of the distribution that declares it, in the usual form: ``jobframe-ingest``.
        version: Version of that distribution.
        needs: Which jobframe that distribution needs, as a version specifier; empty is any.
        entry_point: What to import.

    """

    name: str
    distribution: str
    version: str
    needs: str
    entry_point: EntryPoint = attrs.field(repr=False)


def installed() -> list[Installed]:
    """Return every installed plugin: jobframe's own first, then by name, then by distribution."""
    found = [_describe(point, point.dist) for point in entry_points(group=GROUP) if point.dist is not None]
    return sorted(found, key=lambda plugin: (plugin.distribution != OWN_DISTRIBUTION, plugin.name, plugin.distribution))


def _describe(point: EntryPoint, distribution: Distribution) -> Installed:
    name = canonicalize_name(distribution.metadata["Name"] or "unknown")  # a half-removed distribution has none
    return Installed(point.name, name, distribution.version or "0", _needs(distribution), point)


def _needs(distribution: Distribution) -> str:
    for text in distribution.requires or ():
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            continue  # pip has let it pass
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        if wanted and canonicalize_name(requirement.name) == OWN_DISTRIBUTION:
            return str(requirement.specifier)
    return ""
