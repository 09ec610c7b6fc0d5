"""The judge of storms is itself judged: it must see one job too many, and none that was allowed."""

from tests.fleet.ledger import Run
from tests.fleet.oracle import Change, Limits, share_used, too_many


def run(start, end, fence=0):
    return Run(f"a:{start}", 1, fence or start, 1, start, end)


def limits(*changes):
    made = Limits(redis=None)
    made.changes += [Change(limit, (at - 1, at), (at - 1, at)) for limit, at in changes]
    return made


def test_a_run_that_begins_while_as_many_others_run_as_may_is_one_too_many():
    runs = [run(10, 20), run(12, None), run(15, 30), run(21, 25)]

    assert [(15, 2, 2), (21, 2, 2)] == [
        (each.start, others, most) for each, others, most in too_many(runs, limits((2, 5)))
    ]
    assert [] == too_many(runs, limits((3, 5)))


def test_one_that_begins_as_another_ends_is_not():
    assert [] == too_many([run(10, 20), run(20, 30)], limits((1, 5)))


def test_a_lowered_limit_holds_for_what_is_granted_afterwards():
    runs = [run(10, 50), run(40, 50, fence=12)]

    assert [] == too_many(runs, limits((2, 5), (1, 20)))
    assert 1 == len(too_many([run(10, 50), run(40, 50, fence=30)], limits((2, 5), (1, 20))))


def test_a_raised_limit_holds_from_its_change_on():
    runs = [run(10, 50), run(15, 50), run(40, 50)]

    assert [15] == [each.start for each, *_ in too_many(runs, limits((1, 5), (3, 20)))]


def test_all_that_was_to_be_had_is_used_when_each_run_follows_the_one_before():
    assert 1.0 == share_used([run(10, 20), run(20, 30), run(30, 40)], limits((1, 5)), [], [])
    assert 0.5 == share_used([run(10, 20), run(20, 30), run(30, 40)], limits((2, 5)), [], [])


def test_a_gap_counts_unless_its_slot_was_lost_or_the_type_was_idle():
    runs = [run(10, 20), run(30, 40), run(40, 50)]

    assert 2 / 3 == share_used(runs, limits((1, 5)), [], [])
    assert 1.0 == share_used(runs, limits((1, 5)), [(20, 30)], [])
    assert 1.0 == share_used(runs, limits((1, 5)), [], [(20, 30)])
    assert 0.8 == share_used(runs, limits((1, 5)), [(20, 25)], [])


def test_what_runs_above_a_lowered_limit_makes_up_for_no_gap():
    runs = [run(10, 20), run(10, 50), run(10, 50), run(60, 70)]

    assert 6 / 7 == share_used(runs, limits((3, 5), (1, 20)), [], [])
