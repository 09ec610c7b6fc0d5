"""Listing local folders, memory, and a web index on the loopback interface."""

from __future__ import annotations

import http.server
import os
import threading
from functools import partial

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from jobframe_sync.listing import ListingError, list_source
from jobframe_sync.settings import SourceSettings


def is_supported(uri):
    return uri.endswith((".md", ".html"))


def listed(url, **settings):
    return list_source("docs", SourceSettings(url=str(url), **settings), is_supported)


@pytest.fixture
def folder(tmp_path):
    """Two documents, one of them in a folder below, and a file that is none."""
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "a.md").write_text("first")
    (tmp_path / "docs" / "deep" / "b.md").write_text("second")
    (tmp_path / "docs" / "picture.png").write_bytes(b"\x89PNG")
    return tmp_path / "docs"


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def test_a_folder_lists_its_documents_relative_to_it_and_counts_the_rest(folder):
    listing = listed(folder)

    assert ["a.md", "deep/b.md"] == sorted(listing.versions)
    assert 1 == listing.skipped


def test_a_version_stays_until_the_file_is_written_again(folder):
    before = listed(folder).versions
    again = listed(folder).versions
    (folder / "a.md").write_text("changed")
    after = listed(folder).versions

    assert before == again
    assert before["a.md"] != after["a.md"]
    assert before["deep/b.md"] == after["deep/b.md"]


def test_a_rewrite_of_the_same_length_is_a_new_version(folder):
    before = listed(folder).versions["a.md"]
    (folder / "a.md").write_text("other")
    os.utime(folder / "a.md", ns=(0, 1_700_000_000_123_456_789))

    assert before != listed(folder).versions["a.md"]


def test_a_relative_folder_lists_the_same(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)

    assert listed(folder) == listed("docs")


@pytest.mark.parametrize(
    ("include", "uris"),
    [
        (("**/*",), ["a.md", "deep/b.md"]),
        (("*.md",), ["a.md"]),
        (("deep/**",), ["deep/b.md"]),
        (("**/b.*", "a.md"), ["a.md", "deep/b.md"]),
        (("*.html",), []),
        ((), []),
    ],
)
def test_include_patterns_are_globs_below_the_root(folder, include, uris):
    assert uris == sorted(listed(folder, include=include).versions)


def test_links_are_not_followed_out_of_the_root(folder, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "private.md").write_text("private")
    (folder / "file.md").symlink_to(tmp_path / "outside" / "private.md")
    (folder / "folder").symlink_to(tmp_path / "outside", target_is_directory=True)
    (folder / "round").symlink_to(folder, target_is_directory=True)

    listing = listed(folder)
    assert ["a.md", "deep/b.md"] == sorted(listing.versions)
    assert 4 == listing.skipped


def test_odd_names_are_kept_as_they_are(folder):
    for name in ("what?.md", "a #1.md", "ünï.md", " blank .md"):
        (folder / name).write_text("x")

    assert {"what?.md", "a #1.md", "ünï.md", " blank .md"} <= listed(folder).versions.keys()


def test_an_empty_folder_lists_nothing(tmp_path):
    assert {} == listed(tmp_path).versions


def test_a_missing_folder_is_an_error_and_not_an_empty_listing(tmp_path):
    with pytest.raises(ListingError, match=r"^source docs could not be listed, nothing was changed: FileNotFoundError"):
        listed(tmp_path / "nowhere")


def test_a_file_as_root_says_what_to_give_instead(folder):
    with pytest.raises(ListingError, match="give the folder"):
        listed(folder / "a.md")


def test_an_unknown_protocol_is_an_error_that_does_not_show_the_url():
    with pytest.raises(ListingError) as caught:
        listed("nosuch://me:password@host/docs")

    assert "password" not in str(caught.value)


def test_a_folder_below_that_cannot_be_read_fails_the_whole_listing(memory, monkeypatch):
    memory.pipe({"/docs/a.md": b"first", "/docs/deep/b.md": b"second"})
    real = MemoryFileSystem.ls

    def ls(self, path, *args, **kwargs):
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied", path)
        return real(self, path, *args, **kwargs)

    monkeypatch.setattr(MemoryFileSystem, "ls", ls)
    with pytest.raises(ListingError, match=r"PermissionError: Permission denied$"):
        listed("memory://docs")


def test_memory_is_a_source_too(memory):
    memory.pipe({"/docs/a.md": b"first", "/docs/deep/b.md": b"second", "/other/c.md": b"third"})
    before = listed("memory://docs").versions
    memory.pipe("/docs/a.md", b"later")
    after = listed("memory://docs/").versions

    assert ["a.md", "deep/b.md"] == sorted(before)
    assert ["a.md"] == [uri for uri in before if before[uri] != after[uri]]


class Site(http.server.ThreadingHTTPServer):
    dateless = False
    broken = ""

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/docs"


class Handler(http.server.SimpleHTTPRequestHandler):
    """A web server's own index of folders; silent, and forgetful of dates when its server is."""

    server: Site

    def log_message(self, *_):
        pass

    def send_header(self, keyword, value):
        if not (self.server.dateless and keyword == "Last-Modified"):
            super().send_header(keyword, value)

    def do_GET(self):
        if self.path.rstrip("/") == self.server.broken:
            self.send_error(500)
        else:
            super().do_GET()


@pytest.fixture
def site(folder):
    (folder / "with blank.html").write_text('<a href="../../private.md">up</a>')
    server = Site(("127.0.0.1", 0), partial(Handler, directory=folder.parent))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_web_index_lists_what_it_links_to(site):
    assert ["a.md", "deep/b.md", "with%20blank.html"] == sorted(listed(site.url).versions)
    assert listed(site.url) == listed(site.url + "/")


def test_a_web_document_changes_with_its_date(site, folder):
    before = listed(site.url).versions
    os.utime(folder / "a.md", (0, 1_700_000_000))

    assert {"a.md"} == {uri for uri, version in listed(site.url).versions.items() if before[uri] != version}


def test_without_a_date_the_content_is_the_version(site, folder):
    site.dateless = True
    before = listed(site.url).versions
    os.utime(folder / "a.md", (0, 1_700_000_000))
    (folder / "deep" / "b.md").write_text("SECOND")
    after = listed(site.url).versions

    assert all(version.startswith("hash:") for version in before.values())
    assert {"deep/b.md"} == {uri for uri in after if before[uri] != after[uri]}


def test_a_web_folder_below_that_fails_fails_the_whole_listing(site):
    site.broken = "/docs/deep"
    with pytest.raises(ListingError, match="500"):
        listed(site.url)


def test_a_web_index_that_is_missing_is_an_error(site):
    with pytest.raises(ListingError, match="FileNotFoundError"):
        listed(site.url + "/nowhere")


@pytest.mark.parametrize(
    "wrong",
    [{"url": ""}, {"url": "x", "max_delete": 1.1}, {"url": "x", "max_delete": -0.1}, {"url": "x", "include": ("/a",)},
     {"url": "x", "include": ("a**b",)}],
)  # fmt: skip
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"url|max_delete|include|pattern"):
        SourceSettings(**wrong)
