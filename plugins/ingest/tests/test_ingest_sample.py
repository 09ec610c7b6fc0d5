"""The sample source that comes with the repository."""

from pathlib import Path

import pytest

from jobframe_ingest.chunking import split
from jobframe_ingest.extract import extract, kind_of
from jobframe_ingest.kinds import Kind

SAMPLE = Path(__file__).parents[3] / "examples" / "docs"
FILES = sorted(path for path in SAMPLE.rglob("*") if path.is_file())


def test_there_are_at_least_twelve_documents_of_all_four_kinds():
    assert len(FILES) >= 12
    assert set(Kind) == {kind_of(file.read_bytes(), file.name) for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_each_has_a_title_and_several_chunks(file):
    found = extract(file.read_bytes(), file.name)

    assert found.title
    assert len(split(found.sections)) >= 2
