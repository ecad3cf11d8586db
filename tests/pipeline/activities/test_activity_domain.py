"""What decides about one activity, and about a cycle of follow-up: no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.activities.domain import (
    HappenedError,
    Timing,
    UnfitError,
    is_preparation,
    is_qualification,
    merged_details,
    purpose_of,
    timing_of,
)
from services.pipeline.activities.follow_up import (
    BIT,
    STEPS,
    Cycle,
    Doing,
    cycle_of,
    steps_of,
)

NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("subject", "counts"),
    [
        ("Qual call Acme", True),
        ("acme - QUALIFICATION", True),
        ("[qual] seats", True),
        ("qual_call", True),
        ("Quality review", False),
        ("Requalification", False),
        ("Qualified lead", False),
        ("", False),
        (None, False),
    ],
)
def test_only_the_word_makes_a_qualification_call(subject: str | None, counts: bool) -> None:
    assert is_qualification(subject) is counts


@pytest.mark.parametrize(
    ("subject", "counts"),
    [
        ("Prep w/ Ana", True),
        ("prep w/Ana", True),
        ("Prep with Ana Lopez", True),
        ("Prep w/", False),
        ("Prepare w/ Ana", False),
        ("Prep without Ana", False),
        (None, False),
    ],
)
def test_prep_needs_a_name(subject: str | None, counts: bool) -> None:
    assert is_preparation(subject) is counts


@pytest.mark.parametrize(
    ("stated", "subject", "body", "purpose"),
    [
        ("other", "Qual: uptier", None, "other"),
        (None, "Qual: up-tier to Ultimate", "more seats", "uptier"),
        (None, "Qual call", "They want 50 more users", "seats"),
        (None, "Qual: licenses", None, "seats"),
        (None, "Qual: upgrade", None, "uptier"),
        (None, "Qual call", "The seated dinner", "other"),
        (None, None, None, "other"),
    ],
)
def test_purpose(stated: str | None, subject: str | None, body: str | None, purpose: str) -> None:
    assert purpose_of(stated, subject, body) == purpose


def test_details_are_of_their_kind_and_merge() -> None:
    assert merged_details("objection", None, {"objection": "Price"}) == {
        "objection": "Price",
        "state": "open",
    }
    known = {"objection": "Price", "state": "open"}
    assert merged_details("objection", known, {"state": "handled"}) == {
        "objection": "Price",
        "state": "handled",
    }
    assert merged_details("call", {"interest": 2}, {"interest": None}) is None
    with pytest.raises(UnfitError) as unfit:
        merged_details("call", None, {"what_was_shown": "CI"})
    assert (unfit.value.name, unfit.value.code) == ("details/what_was_shown", "not_of_this_kind")
    with pytest.raises(UnfitError) as unfit:
        merged_details("objection", known, {"objection": None})
    assert unfit.value.code == "missing"


def _timing(current: Timing | None, *, outcome: str | None = None, recorded: bool = False,
            **stated: Any) -> Timing:  # fmt: skip
    return timing_of(current, stated, NOW, outcome=outcome, is_recorded=recorded)


def test_a_new_one_is_planned_in_the_future_and_else_done() -> None:
    assert _timing(None) == Timing("done", NOW, None)
    assert _timing(None, occurred_at=NOW - DAY) == Timing("done", NOW - DAY, None)
    assert _timing(None, occurred_at=NOW + DAY) == Timing("planned", NOW + DAY, NOW + DAY)
    assert _timing(None, scheduled_for=NOW + DAY) == Timing("planned", NOW + DAY, NOW + DAY)
    assert _timing(None, scheduled_for=NOW - DAY) == Timing("done", NOW - DAY, NOW - DAY)
    assert _timing(None, outcome="No_show", scheduled_for=NOW - DAY).state == "no_show"


@pytest.mark.parametrize(
    ("stated", "name", "code"),
    [
        ({"state": "done", "occurred_at": NOW + DAY}, "occurred_at", "instant_in_the_future"),
        ({"state": "planned"}, "scheduled_for", "missing"),
        (
            {"occurred_at": NOW + DAY, "scheduled_for": NOW + 2 * DAY},
            "occurred_at",
            "different_times",
        ),
    ],
)
def test_times_must_fit_the_state(stated: dict[str, Any], name: str, code: str) -> None:
    with pytest.raises(UnfitError) as unfit:
        _timing(None, **stated)
    assert (unfit.value.name, unfit.value.code) == (name, code)


def test_what_was_planned_happens_and_is_not_planned_again() -> None:
    planned = Timing("planned", NOW - DAY, NOW - DAY)
    done = _timing(planned, state="done")
    assert done == Timing("done", NOW - DAY, NOW - DAY)
    early = _timing(Timing("planned", NOW + DAY, NOW + DAY), state="done")
    assert early == Timing("done", NOW, NOW + DAY)
    assert _timing(planned, outcome="no_show").state == "no_show"
    with pytest.raises(HappenedError):
        _timing(done, state="planned")
    again = _timing(done, recorded=True, state="planned", scheduled_for=NOW - DAY)
    assert again == done
    off = _timing(Timing("planned", NOW + DAY, NOW + DAY), state="cancelled")
    assert off == Timing("cancelled", NOW, NOW + DAY)
    assert _timing(off, state="planned").state == "planned"


_stated_times = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["planned", "done", "cancelled", "no_show"]),
        "occurred_at": st.sampled_from([NOW - DAY, NOW, NOW + DAY]),
        "scheduled_for": st.sampled_from([NOW - 2 * DAY, NOW, NOW + 3 * DAY]),
    },
)


@given(st.lists(_stated_times, min_size=1, max_size=6), st.booleans())
def test_only_what_is_planned_is_in_the_future(
    history: list[dict[str, Any]], recorded: bool
) -> None:
    current: Timing | None = None
    for stated in history:
        try:
            current = timing_of(current, stated, NOW, outcome=None, is_recorded=recorded)
        except (UnfitError, HappenedError):
            continue
        if current.state == "planned":
            assert current.occurred_at == current.scheduled_for
        else:
            assert current.occurred_at <= NOW
        # The same said again changes nothing.
        assert timing_of(current, stated, NOW, outcome=None, is_recorded=True) == current


def _row(kind: str, **fields: Any) -> dict[str, Any]:
    plain: dict[str, Any] = dict.fromkeys(
        ("direction", "outcome", "body", "step", "buyer_stage", "details", "duration_minutes")
    )
    return {**plain, "kind": kind, "state": "done", **fields}


@pytest.mark.parametrize(
    ("row", "steps"),
    [
        (_row("call"), []),
        (_row("call", outcome="connected"), ["connect"]),
        (_row("call", outcome="Connected", body="Said so"), ["connect", "document"]),
        (_row("call", outcome="no_answer", duration_minutes=2), []),
        (_row("call", duration_minutes=12), ["connect"]),
        (_row("call", direction="inbound"), ["connect"]),
        (_row("email", direction="outbound", body="Hello"), []),
        (_row("email", direction="inbound", body="Hello"), ["connect", "document"]),
        (_row("email", direction="outbound", outcome="replied"), ["connect"]),
        (_row("social", direction="inbound"), ["connect"]),
        (_row("meeting"), ["connect"]),
        (_row("demo", details={"interest": 0}), ["connect", "discover"]),
        (_row("call", outcome="connected", buyer_stage="explores_options"),
         ["connect", "discover"]),
        (_row("note", body="Noted"), ["document"]),
        (_row("note", step="discover", body="Noted"), ["discover", "document"]),
        (_row("documentation"), ["follow_up_documentation"]),
        (_row("documentation", direction="inbound"), []),
        (_row("email", direction="outbound", step="follow_up_documentation"),
         ["follow_up_documentation"]),
        (_row("meeting", state="planned", body="Agenda"), ["appointment"]),
        (_row("calendar", state="planned"), ["appointment"]),
        (_row("calendar", body="Agenda"), ["connect"]),
        (_row("email", state="planned", step="connect"), []),
        (_row("meeting", state="no_show", step="connect"), []),
        (_row("meeting", state="cancelled"), []),
        (_row("breakup_email", body="Goodbye", direction="outbound"), []),
        (_row("objection", details={"objection": "Price", "state": "open"}), []),
    ],
)  # fmt: skip
def test_steps_an_activity_does(row: dict[str, Any], steps: list[str]) -> None:
    assert [step for step in STEPS if steps_of(row) & BIT[step]] == steps


def _doing(number: int, days: int, *steps: str) -> Doing:
    return Doing(UUID(int=number), "call", NOW + days * DAY, sum(BIT[step] for step in steps))


def _states(cycle: Cycle) -> list[str]:
    return [step.state for step in cycle.steps]


def test_a_cycle_begins_with_a_connect_and_ends_with_documentation() -> None:
    cycle = cycle_of([], NOW, 7)
    assert (_states(cycle), cycle.next_step, cycle.due_at) == (
        ["open"] * 5,
        "connect",
        NOW + 7 * DAY,
    )
    assert (cycle.state_at(NOW), cycle.state_at(NOW + 8 * DAY)) == ("not_started", "overdue")
    told = [_doing(1, 0, "connect", "document")]
    cycle = cycle_of(told, NOW, 7)
    assert _states(cycle) == ["done", "skipped", "done", "open", "open"]
    assert (cycle.next_step, cycle.state_at(NOW + 7 * DAY)) == ("appointment", "on_track")
    told.append(_doing(2, 1, "follow_up_documentation"))
    cycle = cycle_of(told, NOW, 7)
    assert _states(cycle) == ["done", "skipped", "done", "skipped", "done"]
    assert (cycle.completed_at, cycle.due_at) == (NOW + DAY, None)
    assert (cycle.next_step, cycle.state_at(NOW + 99 * DAY)) == ("connect", "complete")
    told.append(_doing(3, 2, "connect"))
    cycle = cycle_of(told, NOW, 7)
    assert _states(cycle) == ["done", "open", "open", "open", "open"]
    assert cycle.due_at == NOW + 9 * DAY


_doings = st.lists(
    st.builds(
        lambda number, days, bits: Doing(UUID(int=number), "call", NOW + days * DAY, bits),
        st.integers(1, 10**6),
        st.integers(-20, 20),
        st.integers(0, 31),
    ),
    max_size=12,
    unique_by=lambda doing: doing.id,
)


@given(_doings, st.randoms(use_true_random=False))
def test_a_cycle_depends_on_what_happened_and_not_on_the_order_of_telling(
    doings: list[Doing], random: Any
) -> None:
    shuffled = list(doings)
    random.shuffle(shuffled)
    cycle = cycle_of(doings, NOW, 7)
    assert cycle_of(shuffled, NOW, 7) == cycle
    done = [step.activity for step in cycle.steps if step.state == "done"]
    assert all(activity is not None for activity in done)
    if cycle.started_at is not None:
        assert all(each.occurred_at >= cycle.started_at for each in done if each is not None)
        later = [each for each in doings if each.occurred_at > cycle.started_at]
        assert not any(each.steps & BIT["connect"] for each in later)
    assert cycle.is_complete == (_states(cycle)[-1] == "done")
