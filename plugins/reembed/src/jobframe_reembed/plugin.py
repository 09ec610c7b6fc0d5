"""What jobframe asks this plugin for; importing it loads no model and no HTTP client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jobframe import App, JobType, hookimpl
from jobframe_reembed.embedder import Model
from jobframe_reembed.jobs import reembed_collection, reembed_document
from jobframe_reembed.settings import ReembedSettings

__all__: list[str] = []


@hookimpl
def jobframe_job_types() -> list[JobType]:
    """Two job types: one document, and every document that needs it."""
    return [reembed_document, reembed_collection]


@hookimpl
def jobframe_settings() -> type[ReembedSettings]:
    """Name the class of ``[settings.reembed]``."""
    return ReembedSettings


@hookimpl
@asynccontextmanager
async def jobframe_lifespan(app: App) -> AsyncIterator[None]:
    """Offer the model to the handlers; it is opened when the first of them asks, and closed at the end."""
    async with Model(app.resource(ReembedSettings)) as model:
        app.provide(model)
        yield
