"""What the plugin costs and offers."""

from __future__ import annotations

import subprocess
import sys

from jobframe_sync import plugin
from jobframe_sync.settings import SyncSettings


def test_importing_the_plugin_loads_no_file_system_and_no_http_client():
    heavy = {"fsspec", "aiohttp", "redis", "numpy", "pypdf"}
    code = f"import sys, jobframe_sync.plugin; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert "\n" == done.stdout


def test_it_offers_one_job_type_and_its_settings():
    assert ["sync.source"] == [each.name for each in plugin.jobframe_job_types()]
    assert SyncSettings is plugin.jobframe_settings()
