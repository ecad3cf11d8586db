"""The rules of customers at their borders, as properties."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.customers.domain import (
    ACTION,
    CATEGORIES,
    PHASES,
    REVIEW,
    Bought,
    Held,
    Term,
    category_of,
    count_champions,
    milestones,
    phase_ends,
    phase_of,
    shown,
    use_band,
    use_of,
    users_of,
)
from services.pipeline.customers.suggestions.domain import (
    ACCEPTED,
    CLEAR,
    DISMISSED,
    GROWTH,
    KEEP,
    KINDS,
    LOSS,
    LOSS_RANK,
    OPEN,
    RAISE,
    REVISE,
    STATES,
    WITHDRAW,
    Counted,
    Last,
    Signal,
    Use,
    drop_of,
    growth_signal,
    loss_signal,
    next_step,
)
from services.pipeline.opportunities.domain import months_after
from services.workspace.policy import SOP_2022

DAY = timedelta(days=1)
STARTS = st.dates(date(2015, 1, 1), date(2040, 12, 31))
TIERS = SOP_2022.settings["customers.tiers"]


@st.composite
def terms(draw: st.DrawFn, least: int = 1, most: int = 60) -> Term:
    start = draw(STARTS)
    months = draw(st.integers(least, most))
    return Term(start, months_after(start, months) - DAY)


def name_at(term: Term, day: date) -> str | None:
    found = phase_of(term, day, SOP_2022)
    return found and found[0]


class TestPhases:
    @given(STARTS)
    def test_a_year_goes_through_all_four_at_their_months(self, start: date) -> None:
        term = Term(start, months_after(start, 12) - DAY)
        after = term.end + DAY
        for phase, months in (("implementation", 9), ("adoption", 6), ("expansion", 3)):
            border = months_after(after, -months)
            assert name_at(term, border) == phase
            following = PHASES[PHASES.index(phase) + 1]
            assert phase_of(term, border + DAY, SOP_2022) == (following, border + DAY)
        assert name_at(term, term.end) == "renewal"
        assert name_at(term, term.end + DAY) is None
        assert name_at(term, term.start - DAY) is None

    @given(terms(), st.integers(0, 60 * 31))
    def test_a_term_never_goes_back(self, term: Term, offset: int) -> None:
        day = term.start + timedelta(days=offset)
        now, then = name_at(term, day), name_at(term, day + DAY)
        if now is not None and then is not None:
            assert PHASES.index(then) >= PHASES.index(now)

    @given(terms(13, 60))
    def test_a_longer_term_is_implemented_for_three_months_only(self, term: Term) -> None:
        assert name_at(term, months_after(term.start, 3)) == "implementation"
        assert name_at(term, months_after(term.start, 3) + DAY) == "adoption"
        assert name_at(term, term.left(6)) == "adoption"
        assert name_at(term, term.left(6) + DAY) == "expansion"

    @given(terms(1, 11))
    def test_a_shorter_term_is_the_end_of_a_year(self, term: Term) -> None:
        months = term.months_left(term.start)
        expected = (
            "implementation" if months >= 9 else "adoption" if months >= 6
            else "expansion" if months >= 3 else "renewal"
        )  # fmt: skip
        assert name_at(term, term.start) == expected

    @given(terms(), st.integers(0, 60 * 31))
    def test_since_is_the_first_day_of_the_phase(self, term: Term, offset: int) -> None:
        day = term.start + timedelta(days=offset)
        found = phase_of(term, day, SOP_2022)
        if found is None:
            return
        phase, since = found
        assert term.start <= since <= day
        assert name_at(term, since) == phase
        assert since == term.start or name_at(term, since - DAY) != phase
        assert day <= phase_ends(term, SOP_2022)[phase]

    @given(terms(), st.integers(0, 60 * 31))
    def test_months_left_agree_with_the_borders(self, term: Term, offset: int) -> None:
        day = term.start + timedelta(days=offset)
        months = term.months_left(day)
        assert months == 0 or day <= term.left(months)
        assert day > term.left(months + 1)


BOUGHT = st.builds(
    Bought,
    tier=st.sampled_from([None, *TIERS, "elsewhere", "Premium"]),
    seats=st.one_of(st.none(), st.integers(0, 1000)),
    arr=st.sampled_from([Decimal(0), Decimal(100)]),
)


class TestCategories:
    @pytest.mark.parametrize(
        ("before", "now", "expected"),
        [
            (("premium", 10, 9), ("premium", 10, 9), "flat"),
            (("premium", 10, 9), ("premium", 9, 9), "flat"),
            (("premium", 10, 9), ("premium", 11, 9), "expanded"),
            (("premium", 10, 9), ("ultimate", 10, 9), "uptier"),
            (("premium", 10, 9), ("ULTIMATE", 99, 9), "uptier"),
            (("premium", 10, 0), ("premium", 10, 9), "uptier"),
            (("premium", 10, 9), ("free", 10, 0), "downtier"),
            (("ultimate", 10, 9), ("premium", 99, 9), "downtier"),
            (("other", 10, 9), ("premium", 10, 9), "flat"),
            ((None, None, 9), ("premium", 10, 9), "flat"),
        ],
    )
    def test_each(self, before: Any, now: Any, expected: str) -> None:
        told = category_of(Bought(*before), Bought(*now), TIERS)
        assert told == expected

    @given(BOUGHT, BOUGHT)
    def test_one_way_is_the_other_way_back(self, before: Bought, now: Bought) -> None:
        there, back = category_of(before, now, TIERS), category_of(now, before, TIERS)
        assert there in CATEGORIES
        assert (there == "uptier") == (back == "downtier")
        if there == "expanded":
            assert back == "flat"

    def test_the_first_purchase_has_none(self) -> None:
        assert category_of(None, Bought("free", 1, Decimal(0)), TIERS) is None


class TestUse:
    START = date(2026, 1, 1)
    TERM = Term(START, date(2026, 12, 31))

    @pytest.mark.parametrize(
        ("users", "day", "expected"),
        [
            (9, "2026-02-01", "red"),
            (9, "2026-12-01", "red"),
            (10, "2026-02-28", "red"),
            (10, "2026-03-01", "yellow"),
            (50, "2026-07-01", "yellow"),
            (50, "2026-07-02", "red"),
            (51, "2026-06-30", "green"),
            (51, "2026-07-01", "yellow"),
            (75, "2026-09-30", "yellow"),
            (75, "2026-10-01", "red"),
            (76, "2026-10-01", "green"),
            (200, "2026-10-01", "green"),
        ],
    )
    def test_borders(self, users: int, day: str, expected: str) -> None:
        use = use_of(users, 100)
        assert use_band(use, self.TERM, date.fromisoformat(day), SOP_2022) == expected

    @given(st.integers(0, 5000), st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 364))
    def test_more_use_is_never_worse(self, some: int, more: int, seats: int, offset: int) -> None:
        day = self.START + timedelta(days=offset)
        bands = [
            use_band(use_of(users, seats), self.TERM, day, SOP_2022)
            for users in sorted((some, more))
        ]
        order = ["red", "yellow", "green"]
        assert order.index(bands[0] or "") <= order.index(bands[1] or "")

    def test_what_cannot_be_told(self) -> None:
        assert use_of(None, 10) is use_of(1, 0) is use_of(1, None) is None
        assert use_band(None, self.TERM, self.START, SOP_2022) is None
        assert shown(Fraction(99999, 1000)) == "99.9"
        for usage in (None, {}, {"active_users": True}, {"active_users": "9"}, {"seats_used": -1}):
            assert users_of(usage) is None
        assert users_of({"active_users": None, "seats_used": 4}) == 4


class TestMilestones:
    TERM = Term(date(2026, 1, 1), date(2026, 12, 31))

    def states(self, day: str, *held: Held) -> list[tuple[str, int, str]]:
        found = milestones(self.TERM, date.fromisoformat(day), held, SOP_2022)
        return [(each.kind, each.months, each.state) for each in found]

    def test_the_days(self) -> None:
        found = milestones(self.TERM, date(2026, 1, 1), (), SOP_2022)
        assert [each.due_on.isoformat() for each in found] == [
            "2026-08-01", "2026-09-01", "2026-10-01",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("day", "first", "second", "third"),
        [
            ("2026-07-01", "upcoming", "upcoming", "upcoming"),
            ("2026-07-02", "due", "upcoming", "upcoming"),
            ("2026-08-01", "due", "upcoming", "upcoming"),
            ("2026-08-02", "overdue", "due", "upcoming"),
            ("2026-09-02", "overdue", "overdue", "due"),
            ("2026-12-31", "overdue", "overdue", "overdue"),
        ],
    )
    def test_states(self, day: str, first: str, second: str, third: str) -> None:
        expected = [(REVIEW, 5, first), (ACTION, 4, second), (REVIEW, 3, third)]
        assert self.states(day) == expected

    def test_a_review_settles_what_is_open(self) -> None:
        early = Held(REVIEW, date(2026, 7, 1))
        fifth = Held(REVIEW, date(2026, 7, 2))
        late = Held(REVIEW, date(2026, 9, 15))
        acted = Held(ACTION, date(2026, 9, 15))
        assert [each[2] for each in self.states("2026-09-15", early)] == [
            "overdue", "overdue", "due",
        ]  # fmt: skip
        assert [each[2] for each in self.states("2026-09-15", fifth)] == [
            "done", "overdue", "due",
        ]  # fmt: skip
        assert [each[2] for each in self.states("2026-09-15", late)] == [
            "done", "overdue", "done",
        ]  # fmt: skip
        assert {each[2] for each in self.states("2026-09-15", late, acted)} == {"done"}

    @given(terms(1, 24), st.integers(0, 900))
    def test_what_was_due_before_the_term_is_not_asked_for(self, term: Term, offset: int) -> None:
        found = milestones(term, term.start + timedelta(days=offset), (), SOP_2022)
        assert all(each.due_on >= term.start for each in found)
        assert [each.due_on for each in found] == sorted(each.due_on for each in found)


class TestChampions:
    @given(st.lists(st.one_of(st.none(), STARTS)), STARTS)
    def test_flags(self, days: list[date | None], today: date) -> None:
        counted = count_champions(days, today, 2)
        flags = counted.flags
        assert counted.active + counted.left == len(days)
        assert ("no_champion" in flags) == (counted.active == 0)
        assert ("single_champion" in flags) == (counted.active == 1)
        assert ("champions_below_goal" in flags) == (counted.active < 2)
        assert ("champion_left" in flags) == any(day and day <= today for day in days)


TERM = Term(date(2026, 1, 1), date(2026, 12, 31))


def use(*users: int, **fields: Any) -> Use:
    """Counted day by day, the last one given last."""
    counted = [Counted(date(2026, 5, place + 1), count) for place, count in enumerate(users)]
    given_ = {"term": TERM, "seats": 100, "tier": "premium", "features": {}, **fields}
    return Use(counted=counted[::-1], **given_)


class TestSignals:
    @given(st.lists(st.integers(0, 1000), min_size=1), st.integers(1, 100))
    def test_a_drop_is_at_least_so_many_percent(self, users: list[int], percent: int) -> None:
        counted = use(*users).counted
        most = drop_of(counted, None, percent)
        highest, last = max(users), users[-1]
        assert (most is not None) == (highest > 0 and last * 100 <= highest * (100 - percent))

    def test_the_border_of_a_drop(self) -> None:
        day = date(2026, 5, 20)
        assert loss_signal(use(100, 76), day, SOP_2022) is None
        told = loss_signal(use(100, 75), day, SOP_2022)
        assert told is not None
        assert told.value == "best_case"

    def test_commit_needs_hardly_any_use_and_the_end_near(self) -> None:
        border = TERM.left(6)
        for day, users, expected in (
            (border - DAY, 9, "best_case"),
            (border, 9, "commit"),
            (border, 10, None),
        ):
            told = loss_signal(use(users), day, SOP_2022)
            assert (told and told.value) == expected

    def test_growth_at_its_border(self) -> None:
        day = date(2026, 5, 20)
        assert growth_signal(use(79), day, SOP_2022) is None
        told = growth_signal(use(80), day, SOP_2022)
        assert told is not None
        assert told.value == "seats"
        assert growth_signal(use(80), TERM.end + DAY, SOP_2022) is None
        assert growth_signal(use(200, 101), day, SOP_2022) is None

    @given(
        st.one_of(
            st.none(),
            st.builds(
                Last,
                state=st.sampled_from(STATES),
                value=st.sampled_from(["best_case", "commit"]),
                is_cleared=st.booleans(),
            ),
        ),
        st.one_of(st.none(), st.sampled_from(["best_case", "commit"])),
        st.booleans(),
        st.sampled_from(KINDS),
    )
    def test_one_at_a_time(
        self, last: Last | None, value: str | None, is_wanted: bool, kind: str
    ) -> None:
        signal = None if value is None else Signal(value, {})
        step = next_step(last, signal, is_wanted=is_wanted, kind=kind)
        is_open = last is not None and last.state == OPEN
        if step == RAISE:
            assert not is_open
            assert is_wanted
        if step in (REVISE, WITHDRAW):
            assert is_open
        if is_open:
            assert step in (REVISE, WITHDRAW)
        if step == CLEAR:
            assert signal is None
        decided = last is not None and last.state in (ACCEPTED, DISMISSED) and not last.is_cleared
        if decided and signal is not None and last is not None:
            is_worse = LOSS_RANK[signal.value] > LOSS_RANK[last.value]
            is_other = is_worse if kind == LOSS else signal.value != last.value
            assert step == (RAISE if is_wanted and is_other else KEEP)
        assert kind in (LOSS, GROWTH)
