"""Documents that cannot be ingested fail alone, each with its reason; the others go on, and nothing is lost."""

from __future__ import annotations

import io

import pypdf
import pytest
from fpdf import FPDF

from tests.e2e.deployment import Deployment

GOOD = {
    "first.md": "# First\n\nThe kettle sings.\n",
    "middle.txt": "The chimney draws.",
    "z-last.html": "<p>The cat sleeps.",
}


def pdf(password: str = "") -> bytes:
    """Make a PDF of one page, readable only with *password* if there is one."""
    made = FPDF()
    made.add_page()
    made.set_font("Helvetica", size=12)
    made.cell(text="The barrel is full.")
    if not password:
        return bytes(made.output())
    writer, locked = pypdf.PdfWriter(clone_from=io.BytesIO(made.output())), io.BytesIO()
    writer.encrypt(password, algorithm="RC4-128")
    writer.write(locked)
    return locked.getvalue()


BAD = {
    "empty.txt": (b"", "the document is empty"),
    "binary.txt": (bytes(range(256)) * 4, "the document is binary, not text"),
    "large.txt": (b"The same again. " * 300, "the document is over ingest.max_bytes (4000 bytes)"),
    "broken.pdf": (b"%PDF-1.7\nand no more", "the PDF is broken: no reader can make out its pages"),
    "locked.pdf": (pdf("secret"), "the PDF is encrypted: store it without a password"),
    "wrong.html": (b"<meta charset=utf-8><p>caf\xe9", "the document says it is utf-8, and it is not: save it as UTF-8"),
    "unknown.md": (b"caf\xe9", "the document is not UTF-8, and its encoding cannot be told: save it as UTF-8"),
}
MISSING = "the document does not exist"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A deployment that has synced good and bad documents, and was asked for one that is not there."""
    deployment = Deployment(tmp_path_factory.mktemp("mixed") / "here")
    deployment.configure('[settings.ingest]\nmax_bytes = "4kB"')
    for name, text in GOOD.items():
        (deployment.docs / name).write_text(text)
    for name, (data, _) in BAD.items():
        (deployment.docs / name).write_bytes(data)
    with deployment.up():
        deployment.run("enqueue", "ingest.document", "source=docs", "root=docs", "uri=gone.md", "--id", "gone")
        deployment.ended()
        yield deployment


def test_every_bad_document_fails_at_once_with_its_reason_and_no_other_job_does(mixed):
    failed = mixed.listed("--state", "failed")

    assert {"ingest.document"} == {job["type"] for job in failed}
    assert sorted([MISSING, *(reason for _, reason in BAD.values())]) == sorted(job["reason"] for job in failed)
    assert [0] * len(failed) == [job["crashes"] for job in failed]
    assert 0 == mixed.ended()["retried"], "what cannot get better is not tried again"


def test_every_good_document_is_in_the_corpus_with_all_its_vectors(mixed):
    contents = mixed.contents()

    assert set(GOOD) == contents.uris()
    for uri in GOOD:
        assert [[True]] == [list(map(bool, vectors)) for vectors in contents.vectors_of(uri).values()]


def test_every_bad_document_is_named_in_the_log_by_its_job_alone(mixed):
    said = mixed.said()

    assert len(BAD) + 1 == said.count("job failed")
    for uri in [*BAD, "gone.md"]:
        assert uri not in said


def test_a_failed_job_is_kept_and_can_be_run_again_when_its_document_was_mended(deployment):
    with deployment.up():
        late = ("enqueue", "ingest.document", "source=docs", "root=docs", "uri=late.pdf", "--id", "late", "--wait")
        assert f"error: job ingest.document:late failed: {MISSING}\n" == deployment.run(*late, code=1).stderr
        (deployment.docs / "late.pdf").write_bytes(pdf())
        deployment.run("retry", "ingest.document:late")
        deployment.ended()

        assert "completed" == deployment.json("show", "ingest.document:late")["state"]
    assert {"late.pdf"} == deployment.contents().uris()


def test_a_document_that_failed_comes_in_with_the_next_sync_after_it_was_mended(deployment):
    (deployment.docs / "cellar.txt").touch()
    with deployment.up():
        assert 1 == deployment.ended()["failed"]
        (deployment.docs / "cellar.txt").write_text("The cellar is dry.")
        deployment.run("sync", "docs")
        deployment.ended()
    assert {"cellar.txt"} == deployment.contents().uris()
