"""Who may be imported: the tables ``[plugins] allow`` and ``disable``, and the version of jobframe a plugin needs."""

from __future__ import annotations

from collections.abc import Collection
from importlib.metadata import version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from jobframe.registry.installed import OWN_DISTRIBUTION, Installed

__all__ = ["incompatibility", "refusal"]


def refusal(plugin: Installed, allow: Collection[str] | None, disable: Collection[str]) -> str:
    """
    Say why jobs.toml does not let *plugin* in; empty when it does.

    Args:
        plugin: The plugin.
        allow: Distributions, perhaps with versions, that may be imported; None is all. jobframe's own plugins come
            with jobframe itself and need no mention.
        disable: Names of plugins or distributions that may not.

    """
    if plugin.name in disable or plugin.distribution in {canonicalize_name(name) for name in disable}:
        return "disabled by [plugins] disable"
    if allow is None or plugin.distribution == OWN_DISTRIBUTION:
        return ""
    named = [entry for entry in map(Requirement, allow) if canonicalize_name(entry.name) == plugin.distribution]
    if not named:
        return f"{plugin.distribution} is not in [plugins] allow"
    if not any(entry.specifier.contains(plugin.version, prereleases=True) for entry in named):
        wanted = " or ".join(str(entry.specifier) for entry in named)
        return f"version {plugin.version} of {plugin.distribution} does not fit {wanted} in [plugins] allow"
    return ""


def incompatibility(plugin: Installed) -> str:
    """Say which version of jobframe *plugin* needs when this is not one; else empty."""
    own = version(OWN_DISTRIBUTION)
    if SpecifierSet(plugin.needs).contains(own, prereleases=True):
        return ""
    return f"{plugin.distribution} {plugin.version} needs jobframe {plugin.needs}, this is {own}"
