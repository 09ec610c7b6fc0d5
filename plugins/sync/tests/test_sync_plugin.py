"""What the plugin costs and offers."""

from __future__ import annotations

import subprocess
import sys

from jobframe import App
from jobframe_sync import plugin
from jobframe_sync.settings import SourceSettings, SyncSettings


def test_importing_the_plugin_loads_no_file_system_and_no_http_client():
    heavy = {"fsspec", "aiohttp", "redis", "numpy", "pypdf"}
    code = f"import sys, jobframe_sync.plugin; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert "\n" == done.stdout


def test_it_offers_one_job_type_and_its_settings():
    assert ["sync.source"] == [each.name for each in plugin.jobframe_job_types()]
    assert SyncSettings is plugin.jobframe_settings()


def test_it_syncs_every_source_at_the_start():
    app = App()
    app.provide(SyncSettings({"docs": SourceSettings("docs"), "wiki": SourceSettings("https://example.org")}))

    assert ["docs", "wiki"] == [job.key for job in plugin.jobframe_start_jobs(app)]
