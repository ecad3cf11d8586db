"""The rules of response timers: what starts one, what stops it, and when it was in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ids import new_id
from services.qualification.leads.domain import STATUSES
from services.qualification.responses.domain import (
    ANSWERING,
    ANSWERS,
    HOLDER_CHANGED,
    MERGED,
    NOTHING,
    TOUCH,
    WAITING,
    WITHDRAWN,
    Event,
    Timer,
    can_stop,
    consequence,
    due_at,
    state_of,
    stop,
)
from services.workspace.business_hours import Calendar
from services.workspace.policy import SOP_2022

OFFICE = Calendar.build("office", "UTC", (0, 1, 2, 3, 4), "09:00", "17:00")
# A Friday.
START = datetime(2026, 6, 19, 16, 30, tzinfo=UTC)
NOBODY: dict[str, Any] = {"sdr_id": None, "owner_id": None, "region": None, "source": None}


def timer(started: datetime = START) -> Timer:
    return Timer(
        id=new_id(), lead_id=new_id(), kind="mql", started_at=started,
        due_at=due_at("mql", started, OFFICE, SOP_2022), calendar="office", policy_version=1,
        **NOBODY,
    )  # fmt: skip


def event(name: str, at: datetime) -> Event:
    return Event(name, at, "user:x", new_id())


class TestDue:
    def test_an_mql_in_a_business_hour_and_a_request_in_a_business_day(self) -> None:
        assert due_at("mql", START, OFFICE, SOP_2022) == datetime(2026, 6, 22, 9, 30, tzinfo=UTC)
        assert due_at("request", START, OFFICE, SOP_2022) == (
            datetime(2026, 6, 22, 16, 30, tzinfo=UTC)
        )


class TestStop:
    @pytest.mark.parametrize(
        ("hours", "minutes", "met"),
        [
            (0.25, 15, True),
            # Over the weekend only what is worked counts.
            (48, 30, True),
            (65, 60, True),
            (65.02, 61, False),
            (96, 960, False),
        ],
    )
    def test_counts_working_minutes(self, hours: float, minutes: int, met: bool) -> None:
        ended = stop(timer(), event("accepted", START + timedelta(hours=hours)), OFFICE)
        assert (ended.business_minutes, ended.is_met) == (minutes, met)
        assert state_of(ended, START) == ("met" if met else "missed")

    def test_no_working_minute_is_in_time(self) -> None:
        night = datetime(2026, 6, 19, 20, tzinfo=UTC)
        overdue = Timer(**{
            **{name: getattr(timer(night), name) for name in Timer.__slots__},
            "due_at": night + timedelta(hours=1),
        })  # fmt: skip
        ended = stop(overdue, event("accepted", night + timedelta(hours=30)), OFFICE)
        assert (ended.business_minutes, ended.is_met) == (0, True)

    def test_an_answer_told_to_be_earlier_than_the_wait_ended_it_at_once(self) -> None:
        ended = stop(timer(), event("accepted", START - timedelta(days=9)), OFFICE)
        assert (ended.stopped_at, ended.business_minutes, ended.is_met) == (START, 0, True)

    @pytest.mark.parametrize("name", [HOLDER_CHANGED, MERGED, WITHDRAWN])
    def test_a_hand_over_in_time_counts_neither_way(self, name: str) -> None:
        in_time = stop(timer(), event(name, START + timedelta(minutes=5)), OFFICE)
        assert (in_time.is_met, in_time.responder_id) == (None, None)
        assert state_of(in_time, START) == "unanswered"
        late = stop(timer(), event(name, START + timedelta(days=5)), OFFICE)
        assert (late.is_met, state_of(late, START)) == (False, "missed")

    def test_an_earlier_touch_told_later_is_the_answer(self) -> None:
        running = timer()
        ended = stop(running, event("accepted", START + timedelta(days=5)), OFFICE)
        assert can_stop(running, event(TOUCH, START))
        assert not can_stop(running, event(TOUCH, START - timedelta(seconds=1)))
        assert can_stop(ended, event(TOUCH, START + timedelta(days=4)))
        assert not can_stop(ended, event(TOUCH, START + timedelta(days=5)))
        handed_over = stop(running, event(HOLDER_CHANGED, START + timedelta(days=5)), OFFICE)
        assert not can_stop(handed_over, event(TOUCH, START + timedelta(days=4)))

    def test_runs_out(self) -> None:
        running = timer()
        assert state_of(running, running.due_at) == "open"
        assert state_of(running, running.due_at + timedelta(microseconds=1)) == "overdue"

    @given(
        st.integers(-10_000, 100_000),
        st.integers(-10_000, 100_000),
        st.sampled_from(sorted(ANSWERS)),
    )
    def test_a_later_answer_is_never_judged_better(self, one: int, two: int, name: str) -> None:
        earlier, later = (
            stop(timer(), event(name, START + timedelta(minutes=minutes)), OFFICE)
            for minutes in sorted((one, two))
        )
        assert earlier.business_minutes is not None
        assert later.business_minutes is not None
        assert 0 <= earlier.business_minutes <= later.business_minutes
        assert earlier.is_met is not False or later.is_met is False


class TestConsequences:
    @given(st.none() | st.sampled_from(STATUSES), st.sampled_from(STATUSES), st.booleans())
    def test_what_a_move_means(self, before: str | None, after: str, hands: bool) -> None:
        found = consequence(before, after, has_changed_hands=hands and before is not None)
        became_mql = after in WAITING and before not in WAITING
        was_answered = before is not None and after in ANSWERING and before != after
        assert found.starts == became_mql
        assert (found.stops == after) == was_answered
        if was_answered:
            assert not found.restarts
        if before == after and not hands:
            assert found is NOTHING

    def test_an_mql_that_becomes_a_pql_waits_on(self) -> None:
        assert consequence("mql", "pql", has_changed_hands=False) is NOTHING

    def test_a_change_of_holder_begins_anew(self) -> None:
        found = consequence("mql", "mql", has_changed_hands=True)
        assert (found.stops, found.restarts, found.starts) == (HOLDER_CHANGED, True, False)

    def test_whoever_takes_it_up_and_over_at_once_has_answered(self) -> None:
        assert consequence("mql", "accepted", has_changed_hands=True).stops == "accepted"

    def test_what_is_no_mql_any_more_need_not_be_answered(self) -> None:
        found = consequence("mql", "raw", has_changed_hands=False)
        assert (found.stops, found.only_mql) == (WITHDRAWN, True)
