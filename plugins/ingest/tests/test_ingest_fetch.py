"""Fetching: what is found, what is refused for good, and what is worth another attempt."""

import os
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import fsspec
import pytest

from jobframe_ingest.egress import _public_socket
from jobframe_ingest.fetch import Unreachable, fetch
from jobframe_ingest.refusal import Refused


class Answers(BaseHTTPRequestHandler):
    """Answers a path that is a number with that status, ``/big`` without end, others with their name."""

    def do_GET(self):
        last = self.path.rsplit("/", 1)[1]
        status = int(last) if last.isdigit() else 200
        self.send_response(status)
        if 300 <= status < 400:
            self.send_header("Location", "/docs/moved.md")
        self.end_headers()
        try:
            for _ in range(10_000 if last == "big" else 1):
                self.wfile.write(last.encode() * (1000 if last == "big" else 1))
        except ConnectionError:
            pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def http() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/docs/"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_a_file_below_a_folder_is_fetched(root):
    (root / "a b").mkdir()
    (root / "a b" / "ü.md").write_bytes(b"text")

    assert fetch(str(root), "a b/ü.md", 4) == b"text"
    assert fetch(f"file://{root}", "a b/ü.md", 4) == b"text"


def test_the_root_may_be_relative_or_a_link(root, monkeypatch):
    (root / "a.md").write_bytes(b"text")
    (root.parent / "link").symlink_to(root)
    monkeypatch.chdir(root.parent)

    assert fetch("source", "a.md", 100) == b"text"
    assert fetch("link", "a.md", 100) == b"text"


def test_a_document_may_be_as_large_as_the_limit_and_no_larger(root):
    (root / "a.md").write_bytes(b"12345")

    assert fetch(str(root), "a.md", 5) == b"12345"
    with pytest.raises(Refused, match=r"over ingest\.max_bytes \(4 bytes\)"):
        fetch(str(root), "a.md", 4)


@pytest.mark.parametrize("uri", ["../secret", "a/../../secret", "/etc/passwd", "", "a//b", "./a.md", "a\0b", "a/"])
def test_a_uri_that_is_no_plain_path_is_refused(root, uri):
    (root.parent / "secret").write_bytes(b"x")
    with pytest.raises(Refused, match="no plain path"):
        fetch(str(root), uri, 100)


def test_links_below_the_root_are_refused_wherever_they_lead(root):
    (root.parent / "outside").mkdir()
    (root.parent / "outside" / "secret.md").write_bytes(b"secret")
    (root / "inside.md").write_bytes(b"text")
    (root / "folder").symlink_to(root.parent / "outside")
    (root / "file.md").symlink_to(root.parent / "outside" / "secret.md")
    (root / "same.md").symlink_to("inside.md")

    for uri in ("folder/secret.md", "file.md", "same.md"):
        with pytest.raises(Refused, match="symbolic link"):
            fetch(str(root), uri, 100)


def test_a_link_put_there_at_the_last_moment_is_not_followed(root, monkeypatch):
    (root.parent / "secret.md").write_bytes(b"secret")
    (root / "a.md").symlink_to(root.parent / "secret.md")
    monkeypatch.setattr("jobframe_ingest.local._look", lambda *_: stat.S_IFREG)

    with pytest.raises(Unreachable):
        fetch(str(root), "a.md", 100)


def test_what_is_no_regular_file_is_refused_without_waiting_for_it(root):
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()

    for uri in ("pipe", "folder"):
        with pytest.raises(Refused, match="no regular file"):
            fetch(str(root), uri, 100)


@pytest.mark.parametrize("uri", ["none.md", "none/a.md", "file/a.md"])
def test_a_missing_document_is_refused_without_naming_it(root, uri):
    (root / "file").write_bytes(b"x")
    with pytest.raises(Refused, match="does not exist") as refusal:
        fetch(str(root), uri, 100)
    assert uri not in str(refusal.value)


def test_any_file_system_of_fsspec_is_a_source():
    files = fsspec.filesystem("memory")
    files.pipe("/shelf/book/a.md", b"text")
    try:
        assert fetch("memory://shelf", "book/a.md", 100) == b"text"
        with pytest.raises(Refused, match="does not exist"):
            fetch("memory://shelf", "book/b.md", 100)
        with pytest.raises(Refused, match="over"):
            fetch("memory://shelf", "book/a.md", 3)
    finally:
        files.rm("/shelf", recursive=True)


def test_an_unknown_kind_of_source_is_refused_without_showing_its_url():
    with pytest.raises(Refused, match="none that fsspec can open") as refusal:
        fetch("gopher://user:secret@host/", "a.md", 100)
    assert "secret" not in str(refusal.value)


def test_http_documents_are_fetched_and_redirects_followed(http):
    assert fetch(http, "a.md", 100, private_addresses=True) == b"a.md"
    assert fetch(http.rstrip("/"), "302", 100, private_addresses=True) == b"moved.md"


def test_an_http_document_without_end_is_not_read_to_the_end(http):
    with pytest.raises(Refused, match="over"):
        fetch(http, "big", 100_000, private_addresses=True)


@pytest.mark.parametrize(("status", "reason"), [(404, "does not exist"), (403, "status 403"), (410, "status 410")])
def test_an_http_status_that_will_not_change_is_final(http, status, reason):
    with pytest.raises(Refused, match=reason):
        fetch(http, str(status), 100, private_addresses=True)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_http_status_that_may_pass_is_worth_another_attempt(http, status):
    with pytest.raises(Unreachable, match=f"ClientResponseError {status}") as error:
        fetch(http, str(status), 100, private_addresses=True)
    assert "127.0.0.1" not in str(error.value)


def test_a_server_that_is_down_is_worth_another_attempt(unused_tcp_port):
    with pytest.raises(Unreachable, match="ClientConnectorError"):
        fetch(f"http://127.0.0.1:{unused_tcp_port}", "a.md", 100, private_addresses=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_http_to_a_private_address_is_refused_by_default(http, host):
    with pytest.raises(Refused, match="private address"):
        fetch(http.replace("127.0.0.1", host), "a.md", 100)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "::1", "::",
        "::ffff:10.0.0.1", "2002:7f00:1::", "fe80::1%eth0", "fd00::1",
    ],
)  # fmt: skip
def test_every_form_of_a_private_address_is_refused(address):
    with pytest.raises(OSError, match="private address refused"):
        _public_socket((2, 1, 6, "", (address, 80)))


def test_a_public_address_gets_a_socket():
    with _public_socket((2, 1, 6, "", ("1.1.1.1", 80))) as socket:
        assert socket.family == 2
