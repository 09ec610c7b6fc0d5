"""What the plugin costs, offers and takes for documents."""

from __future__ import annotations

import subprocess
import sys

from jobframe_ingest import extract
from jobframe_sync import plugin
from jobframe_sync.kinds import SUFFIXES, is_supported
from jobframe_sync.settings import SyncSettings


def test_importing_the_plugin_loads_no_file_system_and_no_http_client():
    code = "import sys, jobframe_sync.plugin; print(*{'fsspec', 'aiohttp', 'redis'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)

    assert "\n" == done.stdout


def test_it_offers_one_job_type_and_its_settings():
    assert ["sync.source"] == [each.name for each in plugin.jobframe_job_types()]
    assert SyncSettings is plugin.jobframe_settings()


def test_what_counts_as_a_document_is_what_the_ingest_plugin_reads_by_its_name():
    assert extract._BY_SUFFIX.keys() == SUFFIXES
    assert is_supported("deep/A.PDF")
    assert not is_supported("md")
