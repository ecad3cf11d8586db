"""The rules of a sequence of touches: golden weeks and the laws of the plan."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ids import new_id
from services.qualification.touches.domain import (
    CHANNELS,
    Contact,
    History,
    Resource,
    Rule,
    cadence,
    planned_days,
    repeated_resources,
    suggest_channel,
    suggest_resources,
)
from services.workspace.business_hours import Calendar

RULE = Rule(count=8, days=30, channels=3, silent_days=7)
OFFICE = Calendar.build("office", "UTC", (0, 1, 2, 3, 4), "09:00", "17:00")
# A Wednesday.
START = datetime(2026, 6, 17, 10, tzinfo=UTC)


def out(days: float, channel: str = "email", resource: str | None = None) -> Contact:
    return Contact(START + timedelta(days=days), channel, "outbound", resource)


def reply(days: float) -> Contact:
    return Contact(START + timedelta(days=days), "email", "inbound")


def history(*touches: Contact, status: str = "accepted", **more: Any) -> History:
    known: dict[str, Any] = {
        "status": status,
        "status_since": START,
        "begun_anew_at": None,
        "taken_up_at": None,
        "touches": touches,
    }
    return History(**(known | more))


def at(days: float) -> datetime:
    return START + timedelta(days=days)


class TestPlan:
    def test_eight_touches_are_spread_over_the_month(self) -> None:
        plan = planned_days((date(2026, 6, 17), date(2026, 7, 16)), 8, OFFICE)
        assert [day.isoformat()[5:] for day in plan] == [
            "06-17", "06-22", "06-25", "06-30", "07-03", "07-08", "07-13", "07-16",
        ]  # fmt: skip

    def test_a_window_without_a_working_day_is_worked_on_the_next(self) -> None:
        weekend = (date(2026, 6, 20), date(2026, 6, 21))
        assert planned_days(weekend, 3, OFFICE) == [date(2026, 6, 22)] * 3

    @given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 400), st.integers(1, 60))
    def test_it_is_even_in_order_and_only_on_working_days(
        self, first: date, length: int, count: int
    ) -> None:
        window = (first, first + timedelta(days=length - 1))
        plan = planned_days(window, count, OFFICE)
        assert len(plan) == count
        assert plan == sorted(plan)
        assert all(OFFICE.is_working_day(day) for day in plan)
        days = OFFICE.working_days(*window)
        if not days:
            return
        assert plan[0] == days[0]
        if count > 1:
            assert plan[-1] == days[-1]
            places = [days.index(day) for day in plan]
            gaps = [later - earlier for earlier, later in pairwise(places)]
            assert max(gaps) - min(gaps) <= 1


class TestStates:
    @pytest.mark.parametrize(
        ("touches", "now", "state", "next_on"),
        [
            # Touched on Wednesday: the second is due on Monday.
            ([out(0)], 0, "on_track", "2026-06-22"),
            ([out(0)], 5, "due", "2026-06-22"),
            ([out(0)], 6, "overdue", "2026-06-22"),
            ([out(0), out(1)], 6, "on_track", "2026-06-25"),
        ],
    )
    def test_runs(self, touches: list[Contact], now: float, state: str, next_on: str) -> None:
        found = cadence(history(*touches), RULE, OFFICE, at(now))
        assert (found.state, str(found.next_touch_on)) == (state, next_on)
        assert found.window == (date(2026, 6, 17), date(2026, 7, 16))
        assert found.done == found.done_in_window == len(touches)

    def test_taking_up_begins_the_window_too(self) -> None:
        found = cadence(history(taken_up_at=at(-3)), RULE, OFFICE, START)
        assert found.window is not None
        # Taken up on a Sunday: the first touch was due on Monday.
        assert found.window[0] == date(2026, 6, 14)
        assert (found.state, found.next_touch_on) == ("overdue", date(2026, 6, 15))

    def test_a_lead_nobody_works_asks_for_nothing(self) -> None:
        for status in ("raw", "inquiry"):
            found = cadence(history(status=status), RULE, OFFICE, START)
            assert (found.state, found.next_touch_on) == ("not_started", None)

    def test_an_mql_is_due_at_once_but_not_at_night(self) -> None:
        found = cadence(history(status="mql"), RULE, OFFICE, START)
        assert (found.state, found.next_touch_on) == ("due", date(2026, 6, 17))
        friday_night = datetime(2026, 6, 19, 22, tzinfo=UTC)
        found = cadence(history(status="pql", status_since=friday_night), RULE, OFFICE, START)
        assert (found.state, found.next_touch_on) == ("on_track", date(2026, 6, 22))

    def test_complete_needs_the_channels_too(self) -> None:
        eight = [out(day) for day in range(8)]
        found = cadence(history(*eight), RULE, OFFICE, at(8))
        assert (found.state, found.next_touch_on) == ("on_track", date(2026, 7, 16))
        three = [*eight[:6], out(6, "phone"), out(7, "social")]
        found = cadence(history(*three), RULE, OFFICE, at(8))
        assert (found.state, found.next_touch_on) == ("complete", None)
        assert found.silent_at == at(14)

    def test_silence_after_the_last_one(self) -> None:
        done = [*(out(day) for day in range(6)), out(6, "phone"), out(7, "social")]
        before = cadence(history(*done), RULE, OFFICE, at(14) - timedelta(microseconds=1))
        after = cadence(history(*done), RULE, OFFICE, at(14))
        assert (before.state, after.state) == ("complete", "silent")

    def test_a_reply_ends_it(self) -> None:
        found = cadence(history(out(0), reply(2)), RULE, OFFICE, at(3))
        assert (found.state, found.next_touch_on, found.silent_at) == ("answered", None, None)
        assert found.answered_at == at(2)

    def test_who_wrote_before_the_first_touch_did_not_reply_to_it(self) -> None:
        found = cadence(history(reply(-1), out(0)), RULE, OFFICE, at(0))
        assert (found.state, found.answered_at) == ("on_track", None)

    @pytest.mark.parametrize("status", ["recycle", "disqualified", "qualified"])
    def test_exits_pause_it(self, status: str) -> None:
        found = cadence(history(out(0), status=status), RULE, OFFICE, at(9))
        assert (found.state, found.next_touch_on, found.done) == ("paused", None, 1)

    def test_a_return_begins_anew(self) -> None:
        touches = [out(-90, "email", "paper"), reply(-80), out(0, "phone", "paper")]
        found = cadence(history(*touches, begun_anew_at=at(-1)), RULE, OFFICE, at(0))
        assert (found.state, found.done, found.channels) == ("on_track", 1, ("phone",))
        # What was sent in the first sequence was sent.
        assert found.repeated == ("paper",)


class TestAdvice:
    def test_the_least_used_channel_that_reaches_the_lead(self) -> None:
        everything: dict[str, bool] = {"has_email": True, "has_phone": True, "unsubscribed": False}
        assert suggest_channel([], **everything).channel == "email"
        touches = [out(0), out(1), out(2, "phone")]
        assert suggest_channel(touches, **everything).channel == "social"
        mail = suggest_channel([], has_email=True, has_phone=False, unsubscribed=True)
        assert mail.channel == "social"
        nothing = suggest_channel([], has_email=False, has_phone=True, unsubscribed=False)
        assert nothing.channel == "phone"
        every = [out(0, channel) for channel in CHANNELS] + [out(1, "email")]
        assert suggest_channel(every, **everything) == (
            "phone", "Least used in this sequence: used once.",
        )  # fmt: skip

    def test_replies_use_no_channel_up(self) -> None:
        touches = [reply(0), reply(1)]
        advice = suggest_channel(touches, has_email=True, has_phone=True, unsubscribed=False)
        assert advice.channel == "email"

    def resource(self, name: str, use_case: str | None, persona: str | None) -> Resource:
        return Resource(new_id(), name, name.title(), None, use_case, persona)

    def test_use_case_before_persona_before_anything(self) -> None:
        catalogue = [
            self.resource("anything", None, None),
            self.resource("persona", None, "technology_leader"),
            self.resource("case", "CI", None),
            self.resource("both", "ci", "technology_leader"),
            self.resource("other case", "scm", None),
            self.resource("other persona", None, "security_leader"),
        ]

        def names(used: frozenset[UUID] = frozenset(), **lead: str | None) -> list[str]:
            known: dict[str, Any] = {"use_case": None, "persona": None} | lead
            found = suggest_resources(catalogue, used=used, **known)
            return [suggestion.resource.external_id for suggestion in found]

        whole = {"use_case": "ci", "persona": "technology_leader"}
        assert names(**whole) == ["both", "case", "persona"]
        assert names(frozenset({catalogue[3].id}), **whole) == ["case", "persona", "anything"]
        assert names(use_case="ci") == ["both", "case", "anything"]
        assert len(names()) == 3
        reasons = suggest_resources(catalogue, used=frozenset(), **whole)
        assert reasons[0].reason == (
            "Not sent yet; for the use case ci and for a technology_leader."
        )


contacts = st.builds(
    Contact,
    st.integers(0, 60 * 24).map(lambda hours: START + timedelta(hours=hours)),
    st.sampled_from(CHANNELS),
    st.sampled_from(["outbound", "outbound", "inbound"]),
    st.sampled_from([None, "a", "b", "c"]),
)


class TestLaws:
    @given(st.lists(contacts, max_size=20), st.integers(0, 90), st.randoms(use_true_random=False))
    def test_the_order_in_which_touches_are_told_does_not_matter(
        self, touches: list[Contact], day: int, random: Any
    ) -> None:
        shuffled = random.sample(touches, len(touches))
        assert cadence(history(*touches), RULE, OFFICE, at(day)) == (
            cadence(history(*shuffled), RULE, OFFICE, at(day))
        )

    @given(st.lists(contacts, max_size=20), st.integers(0, 90))
    def test_a_next_touch_is_planned_exactly_where_one_is_wanted(
        self, touches: list[Contact], day: int
    ) -> None:
        found = cadence(history(*touches), RULE, OFFICE, at(day))
        assert (found.next_touch_on is not None) == (found.state in ("on_track", "due", "overdue"))
        assert (found.silent_at is not None) == (found.state in ("complete", "silent"))
        assert found.done >= found.done_in_window
        if found.state in ("complete", "silent"):
            assert found.done >= RULE.count
            assert len(found.channels) >= RULE.channels

    @given(st.lists(contacts, max_size=20))
    def test_a_resource_is_repeated_where_it_was_sent_twice(self, touches: list[Contact]) -> None:
        sent = Counter(
            touch.resource_external_id
            for touch in touches
            if touch.direction == "outbound" and touch.resource_external_id
        )
        assert set(repeated_resources(touches)) == {name for name, n in sent.items() if n > 1}
