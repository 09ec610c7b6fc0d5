"""Re-embedding, seen by what is stored: the bytes of the vectors before and after."""

from __future__ import annotations

import pytest

from jobframe_ingest.corpus import document_id
from tests.e2e.deployment import Deployment, until
from tests.e2e.packages import place

TIDES = "# Tides\n\nHigh water comes about fifty minutes later each day.\n"
FERRY = "\n## Ferry\n\nThe ferry leaves at eight in the morning.\n"
HELICOPTER = "\n## Ferry\n\nA helicopter flies over at noon, and the ferry is no more.\n"

EMBEDDER = """
from array import array

class Letters:
    fingerprint, dim = "acme:letters:1:26", 26

    async def embed(self, texts):
        return [array("f", map(text.lower().count, "abcdefghijklmnopqrstuvwxyz")).tobytes() for text in texts]

def load(settings):
    return Letters()
"""


@pytest.mark.requirement("R-014", "a re-embed job is completed by a worker, and the embedding is updated")
def test_after_a_change_of_the_text_a_reembed_job_completes_and_the_stored_vector_is_another(deployment):
    document = deployment.docs / "tides.md"
    document.write_text(TIDES + FERRY)
    with deployment.up():
        deployment.ended()
        ((tides, ferry),) = deployment.contents().vectors_of("tides.md").values()
        deployment.run("pause", "reembed.document")
        document.write_text(TIDES + HELICOPTER)
        deployment.run("sync", "docs")
        until(lambda: deployment.listed("--state", "waiting"), "the re-embed job is enqueued")
        (job,) = deployment.listed("--state", "waiting")

        assert "reembed.document" == job["type"]
        assert [[tides, None]] == list(deployment.contents().vectors_of("tides.md").values())

        deployment.run("resume", "reembed.document")
        deployment.ended()
        shown = deployment.json("show", job["id"], "--result")

        assert ("completed", {"embedded": 1, "outdated": 0}) == (shown["state"], shown["result"])
        ((same_tides, helicopter),) = deployment.contents().vectors_of("tides.md").values()
    assert tides == same_tides
    assert len(ferry) == len(helicopter)
    assert ferry != helicopter


@pytest.mark.requirement("R-014", "a re-embed job is completed by a worker, and the embedding is updated")
def test_after_a_change_of_the_model_a_reembed_job_completes_and_the_document_has_the_vectors_of_the_new_one(tmp_path):
    site = place(tmp_path / "site", "acme_letters", EMBEDDER, "[jobframe.embedders]\nletters = acme_letters:load\n")
    deployment = Deployment(tmp_path / "here", site)
    (deployment.docs / "tides.md").write_text(TIDES + FERRY)
    with deployment.up():
        deployment.ended()
    before = deployment.contents().vectors_of("tides.md")
    deployment.configure('[settings.reembed]\nmodel = "letters"')
    with deployment.up():
        deployment.ended()

        assert before == deployment.contents().vectors_of("tides.md")
        assert {"embedded": 2, "outdated": 0} == deployment.work(
            "reembed.document", document_id=document_id("docs", "tides.md")
        )

    after = deployment.contents().vectors_of("tides.md")
    assert [4 * 26, 4 * 26] == [vector and len(vector) for vector in after.pop("acme:letters:1:26")]
    assert before == after, "a search with the old model goes on until it is forgotten"
