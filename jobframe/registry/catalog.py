"""Every job type that can run here, and the distribution that owns it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from jobframe.core.errors import PluginError
from jobframe.core.jobtype import JobType

__all__ = ["Catalog"]


class Catalog:
    """
    Job types by name.

    Attributes:
        types: Name → job type, in the order of the plugins.

    """

    def __init__(self) -> None:
        """Start empty."""
        self._types: dict[str, JobType] = {}
        self._owners: dict[str, str] = {}
        self.types: Mapping[str, JobType] = MappingProxyType(self._types)

    def owner(self, type: str) -> str:
        """
        Return the distribution that provides *type*.

        Raises:
            KeyError: Nobody does.

        """
        return self._owners[type]

    def add(self, plugin: str, distribution: str, job_types: Collection[JobType]) -> None:
        """
        Add the types of *plugin*, all or none of them.

        Raises:
            PluginError: A type of that name is there already; names both distributions.

        """
        for job_type in job_types:
            owner = self._owners.get(job_type.name)
            if owner is not None:
                raise PluginError(
                    plugin,
                    f"job type {job_type.name!r} of {distribution} is provided by {owner} too: "
                    "uninstall one of them, or name it in [plugins] disable",
                )
        for job_type in job_types:
            self._types[job_type.name] = job_type
            self._owners[job_type.name] = distribution
