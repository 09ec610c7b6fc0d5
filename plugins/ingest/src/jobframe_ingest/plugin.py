"""What jobframe finds under this package's entry point."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import jobframe
from jobframe_ingest.corpus import Corpus
from jobframe_ingest.jobs import delete, document, vacuum
from jobframe_ingest.settings import IngestSettings

__all__ = ["jobframe_job_types", "jobframe_lifespan", "jobframe_settings"]


@jobframe.hookimpl
def jobframe_job_types() -> list[jobframe.JobType]:
    """Bring documents in, take them out, and keep the corpus small."""
    return [document, delete, vacuum]


@jobframe.hookimpl
def jobframe_settings() -> type[IngestSettings]:
    """Name the class of ``[settings.ingest]``."""
    return IngestSettings


@jobframe.hookimpl
@asynccontextmanager
async def jobframe_lifespan(app: jobframe.App) -> AsyncIterator[None]:
    """Offer the corpus to every handler of the process."""
    with Corpus.open(app.resource(IngestSettings).corpus) as corpus:
        app.provide(corpus)
        yield
