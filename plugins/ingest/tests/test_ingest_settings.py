"""The table ``[settings.ingest]``: strict, and with errors that say what would be right."""

import pytest

import jobframe
from jobframe_ingest.settings import IngestSettings, parse_size


def settings(tmp_path, table: str) -> IngestSettings:
    file = tmp_path / "jobs.toml"
    file.write_text(f"[settings.ingest]\n{table}\n")
    return jobframe.settings("ingest", IngestSettings, config=file)


@pytest.mark.parametrize(
    ("text", "size"), [("20MB", 20_000_000), ("512KiB", 524_288), ("1.5kB", 1500), ("7B", 7), ("1GiB", 2**30)]
)
def test_sizes_are_read(text, size):
    assert size == parse_size(text)


@pytest.mark.parametrize(
    "text", ["20", "20 MB", "MB", "-1MB", "20mb", "1e3MB", "0MB", "0.5B", "", 20, True, None, "٣MB"]
)
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match='such as "20MB"'):
        parse_size(text)


def test_the_table_is_read_and_has_defaults(tmp_path):
    assert IngestSettings("sqlite:///.jobframe/corpus.db", "20MB", False) == settings(tmp_path, "")
    assert settings(tmp_path, 'max_bytes = "1MB"').most_bytes == 1_000_000


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("max_bytes = 20", "settings.ingest.max_bytes: expected text"),
        ('max_bytes = "20"', "settings.ingest.max_bytes: expected a size"),
        ('corpus = "postgresql://u:secret@h/d"', "settings.ingest.corpus: a corpus is"),
        ('private_addresses = "yes"', "settings.ingest.private_addresses: expected true or false"),
        ('max_byte = "1MB"', "unknown key 'max_byte'"),
    ],
)
def test_mistakes_are_named_with_their_place(tmp_path, table, problem):
    with pytest.raises(jobframe.ConfigError) as error:
        settings(tmp_path, table)
    assert problem in str(error.value)
    assert "jobs.toml:2" in str(error.value)
    assert "secret" not in str(error.value)
