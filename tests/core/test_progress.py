"""What a handler may report of its progress, and how it is shown."""

import pytest

from jobframe.core.progress import LONGEST_NOTE, Progress


class Count(int):
    """A number of a class of its own, as NumPy has them."""


class Share(float):
    """The same with fractions."""


@pytest.mark.parametrize(
    ("report", "text"),
    [
        ((3, None, ""), "3"),
        ((0, 0, ""), "0/0"),
        ((40, 100, "pages"), "40/100 pages"),
        ((0.5, 1, "of a GiB"), "0.5/1 of a GiB"),
        ((2**53, 2**53, ""), "9.00719925474099e+15/9.00719925474099e+15"),
    ],
)
def test_progress_is_shown_in_a_few_words(report, text):
    assert text == str(Progress.reported(*report))


def test_numbers_of_classes_of_their_own_become_plain_ones():
    progress = Progress.reported(Count(1), Share(2.5), "")

    assert [int, float] == [type(progress.done), type(progress.total)]


@pytest.mark.parametrize("number", [-1, -0.1, float("nan"), float("inf"), 2**53 + 1, True, "1", None])
def test_what_is_no_amount_is_refused(number):
    with pytest.raises(ValueError, match=r"done is .*: give a number from 0 to 2\*\*53"):
        Progress.reported(number, None, "")
    if number is not None:
        with pytest.raises(ValueError, match=r"total is .*: give a number"):
            Progress.reported(0, number, "")


def test_more_done_than_there_is_in_all_is_refused():
    with pytest.raises(ValueError, match="progress: 5 done of 4: raise the total, or leave it out"):
        Progress.reported(5, 4, "")


def test_a_note_that_is_no_text_is_refused_by_its_class_alone():
    with pytest.raises(ValueError, match="note is of class bytes: give a text"):
        Progress.reported(1, None, b"secret")  # type: ignore[arg-type] # as a handler might


def test_values_of_the_payload_are_masked_in_a_note_which_is_one_line_and_bounded():
    body = b'{"name": "Ada Lovelace"}'

    assert "about [payload], page 2" == Progress(1, None, "about Ada Lovelace,\n page 2").scrubbed(body).note
    long = Progress(1, None, "x" * 201).scrubbed(body).note
    assert (LONGEST_NOTE, "…") == (len(long), long[-1])
    assert "x" * 200 == Progress(1, None, "x" * 200).scrubbed(body).note
