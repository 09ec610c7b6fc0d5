"""Schedules: which slots they have, over changes of the clock too, and which of them a worker fires."""

import datetime as dt
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobframe.core.clock import from_ms, to_ms
from jobframe.core.schedule import ON_TIME_MS, Schedule, check_cron, check_tz

NOON = to_ms(dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC))
MINUTE = 60_000
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata"]
CRONS = [
    "0 2 * * *",
    "30 2 * * *",
    "0,30 1-3 * * *",
    "*/20 * * * *",
    "5 * * * *",
    "15 */2 * * *",
    "0 0 1 * MON",
    "0 9 LW * *",
]
MOMENTS = st.integers(to_ms(dt.datetime(2024, 1, 1, tzinfo=dt.UTC)), to_ms(dt.datetime(2027, 1, 1, tzinfo=dt.UTC)))


def every(ms, **more):
    return Schedule(name="s", job="a", every_ms=ms, **more)


def cron(line, tz="UTC", **more):
    return Schedule(name="s", job="a", cron=line, tz=tz, **more)


def local(schedule, start, count):
    """Write the next *count* slots after the local time *start* as local day, time and offset."""
    zone = ZoneInfo(schedule.tz)
    after = to_ms(dt.datetime.fromisoformat(start).replace(tzinfo=zone))
    return [f"{from_ms(slot).astimezone(zone):%d %H:%M %z}" for slot in islice(schedule.slots(after), count)]


def test_every_has_a_slot_at_each_multiple_since_the_epoch():
    assert [NOON, NOON + 15 * MINUTE] == list(islice(every(15 * MINUTE).slots(NOON - 1), 2))
    assert NOON + 15 * MINUTE == every(15 * MINUTE).next_slot(NOON)
    assert 0 == every(7 * 24 * 60 * MINUTE).next_slot(-1)


def test_cron_has_its_slots_in_its_time_zone():
    assert ["02 02:00 +0200", "03 02:00 +0200"] == local(cron("0 2 * * *", "Europe/Berlin"), "2026-06-01 12:00", 2)
    assert ["01 12:20 +0000", "01 12:40 +0000"] == local(cron("*/20 * * * *"), "2026-06-01 12:00", 2)


def test_a_slot_in_the_hour_that_does_not_exist_comes_when_that_hour_would_have_begun():
    assert ["28 02:30 +0100", "29 03:00 +0200", "30 02:30 +0200"] == local(
        cron("30 2 * * *", "Europe/Berlin"), "2026-03-28 00:00", 3
    )


def test_of_several_slots_in_the_hour_that_does_not_exist_one_is_left():
    assert ["29 03:00 +0200", "30 02:00 +0200"] == local(cron("0,30 2 * * *", "Europe/Berlin"), "2026-03-29 00:00", 2)


def test_a_slot_in_the_hour_that_comes_twice_comes_the_first_time_only():
    assert ["24 02:30 +0200", "25 02:30 +0200", "26 02:30 +0100"] == local(
        cron("30 2 * * *", "Europe/Berlin"), "2026-10-24 00:00", 3
    )


def test_slots_of_every_hour_come_in_both_of_the_hours_that_are_called_the_same():
    assert ["25 02:30 +0200", "25 02:30 +0100", "25 03:30 +0100"] == local(
        cron("30 * * * *", "Europe/Berlin"), "2026-10-25 02:00", 3
    )
    assert ["29 01:30 +0100", "29 03:30 +0200"] == local(cron("30 * * * *", "Europe/Berlin"), "2026-03-29 01:00", 2)


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), MOMENTS, st.floats(0, 1))
def test_whoever_begins_anywhere_finds_the_same_slots(line, zone, start, where):
    schedule = cron(line, zone)
    slots = list(islice(schedule.slots(start), 12))

    assert all(earlier < later for earlier, later in pairwise([start, *slots]))
    begun = round(start + where * (slots[-1] - start))
    assert [slot for slot in slots if slot > begun] == list(
        islice(schedule.slots(begun), sum(s > begun for s in slots))
    )


@given(st.sampled_from(CRONS), st.sampled_from(ZONES), MOMENTS, st.integers(0, 40 * 24 * 60 * MINUTE))
def test_the_latest_slot_is_the_last_of_all(line, zone, start, length):
    schedule = cron(line, zone)
    latest = schedule.latest_slot(start, start + length)
    following = schedule.next_slot(latest if latest is not None else start)

    assert following is None or following > start + length
    assert latest is None or start < latest <= start + length


def test_the_latest_slot_of_years_is_found_at_once():
    schedule = cron("* * * 1 *")
    assert to_ms(dt.datetime(2026, 1, 31, 23, 59, tzinfo=dt.UTC)) == schedule.latest_slot(0, NOON)


def test_a_cron_that_never_matches_has_no_slot():
    never = cron("0 0 */9 * MON#5")  # the 1st, 10th, 19th or 28th, and a fifth Monday

    assert (None, None) == (never.next_slot(NOON), never.latest_slot(0, NOON))
    assert [] == list(never.slots(NOON))


def test_its_timing_is_told_as_in_the_file():
    assert ("every 15m", "0 2 * * * Europe/Berlin") == (
        every(15 * MINUTE).timing,
        cron("0 2 * * *", "Europe/Berlin").timing,
    )


def due(schedule, now_ms, watched_ms, done_ms=0, since_ms=None):
    return list(schedule.due(now_ms, watched_ms=watched_ms, done_ms=done_ms, since_ms=since_ms))


def test_a_watching_worker_fires_what_came_since():
    assert [NOON] == due(every(MINUTE), NOON + 5, NOON - 5)
    assert [] == due(every(MINUTE), NOON - 1, NOON - 5)
    assert [NOON + ms for ms in (0, 1_000, 2_000)] == due(every(1_000), NOON + 2_500, NOON - 1)


def test_a_worker_that_was_late_for_long_fires_what_is_on_time():
    now = NOON + 60 * MINUTE
    assert [now - ON_TIME_MS + 1_000 + ms for ms in range(0, ON_TIME_MS, 1_000)] == due(every(1_000), now, NOON)
    assert [] == due(every(MINUTE), now + 30_000, NOON)


def test_a_worker_that_just_began_fires_nothing_from_before():
    assert [] == due(every(MINUTE), NOON, None)


def test_with_misfire_once_it_fires_the_latest_slot_that_nobody_watched():
    schedule = every(MINUTE, misfire="once")

    assert [NOON] == due(schedule, NOON + 30_000, None, NOON - 60 * MINUTE)
    assert [NOON] == due(schedule, NOON + 30_000, NOON - 60 * MINUTE)
    assert [] == due(schedule, NOON + 30_000, None, NOON)
    assert [] == due(schedule, NOON + 30_000, NOON - 60 * MINUTE, NOON)


def test_a_worker_that_watched_has_missed_nothing():
    assert [NOON] == due(every(MINUTE, misfire="once"), NOON + 5, NOON - 5)


def test_a_clock_that_was_set_back_brings_back_no_slot():
    assert [] == due(every(MINUTE, misfire="once"), NOON, NOON + 60 * MINUTE)


def test_slots_that_the_clock_was_set_ahead_over_are_missed():
    before, now = NOON - 60 * MINUTE, NOON + 500
    assert [NOON] == due(every(1_000), now, before, since_ms=NOON - 1)
    assert [] == due(every(MINUTE), now, before, since_ms=NOON)
    assert [NOON] == due(every(MINUTE, misfire="once"), now, before, since_ms=NOON)


@pytest.mark.parametrize("line", ["0 2 * * *", "*/5 8-18 * * MON-FRI", "0 9 L * *", "0 0 * 2 MON#5"])
def test_a_cron_line_has_five_fields(line):
    check_cron(line)


@pytest.mark.parametrize("line", ["", "0 2 * *", "0 0 2 * * *", "@daily"])
def test_anything_else_is_no_cron_line(line):
    with pytest.raises(ValueError, match=r"expected five fields \(minute, hour, day of month, month, day of week\)"):
        check_cron(line)


@pytest.mark.parametrize(
    ("line", "field"),
    [("60 * * * *", "minute"), ("0 24 * * *", "hour"), ("0 0 30 2 *", "day-of-month"), ("0 0 * * FRY", "day-of-week")],
)
def test_a_wrong_field_is_named(line, field):
    with pytest.raises(ValueError, match=f"wrong {field} in"):
        check_cron(line)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin"])
def test_a_time_zone_has_a_name(name):
    check_tz(name)


def test_a_wrong_time_zone_is_told_with_the_nearest():
    with pytest.raises(ValueError, match="unknown time zone 'Europe/Berln': did you mean 'Europe/Berlin'"):
        check_tz("Europe/Berln")


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "/etc/localtime?", "Ω"])
def test_what_is_like_no_time_zone_is_refused_too(name):
    with pytest.raises(ValueError, match="unknown time zone"):
        check_tz(name)
