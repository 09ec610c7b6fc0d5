"""``jobframe up`` killed and started again, and started twice: the jobs of the folder are all there."""

from __future__ import annotations

import copy
import signal

from tests.e2e.deployment import PATIENCE_S, until

TEXT = "# Note {0}\n\nNothing of note happened on day {0}.\n"
DAYS = 12


def write(deployment):
    """Write documents to ingest."""
    for day in range(DAYS):
        (deployment.docs / f"day-{day:02}.md").write_text(TEXT.format(day))


def test_after_kill_9_of_everything_the_next_up_ends_what_was_begun(deployment):
    waiting = ("--state", "waiting", "--type", "reembed.document")
    with deployment.started() as process:
        deployment.run("pause", "reembed.document")
        write(deployment)
        deployment.run("sync", "docs")
        until(lambda: DAYS == len(deployment.listed(*waiting)), "all is ingested")
        process.kill()
    with deployment.up():
        assert DAYS == len(deployment.listed(*waiting)), "it is still paused"
        deployment.run("resume", "reembed.document")

        assert 0 == deployment.ended()["failed"]
    ((_, vectors),) = deployment.contents().vectors.items()
    assert DAYS == len(vectors)


def test_a_second_up_in_the_same_folder_works_beside_the_first_and_goes_on_without_it(deployment):
    write(deployment)
    second = copy.copy(deployment)
    second.log = deployment.folder / "second.log"
    with deployment.started() as process, second.up():
        assert ["alive", "alive"] == [worker["state"] for worker in deployment.json("workers")]
        deployment.ended()
        process.send_signal(signal.SIGINT)
        assert 0 == process.wait(PATIENCE_S), deployment.said()
        until(lambda: deployment.url, "the second one has the server")
        (deployment.docs / "epilogue.md").write_text(TEXT.format("the last"))
        second.run("sync", "docs")
        second.ended()

        assert ["alive"] == [worker["state"] for worker in second.json("workers")]
    assert DAYS + 1 == len(second.contents().documents)
