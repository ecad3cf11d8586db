"""Random stories against a plain reference: the same warnings, the same closings, each once; and
days that begin at the company's midnight in every zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.pipeline.staleness.domain import Deal, Progress, Rules, clocks_of
from services.workspace.fiscal import calendar_for
from services.workspace.policy import Policy
from tests.client import Api
from tests.pipeline.deals import get, history
from tests.pipeline.staleness.clock_book import (
    PACIFIC,
    START,
    Clock,
    begin,
    make_progress,
    small,
    told,
)

ZONES = ("America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC",
         "America/Sao_Paulo", "Pacific/Apia")  # fmt: skip
INSTANTS = st.datetimes(datetime(2009, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(INSTANTS, st.sampled_from(ZONES), st.integers(1, 60), st.integers(1, 60))
def test_a_day_begins_at_the_first_instant_of_its_date(
    progress: datetime, zone: str, warn: int, more: int
) -> None:
    policy = Policy.build(
        settings={"autoclose": {"smb": [warn, warn + more]}, "autoclose.notice_days": 0}
    )
    rules = Rules(policy, calendar_for(2, zone), progress)
    deal = Deal(
        stage="discovery", segment="smb", created_at=progress, progress=Progress(progress, "stage")
    )
    (clock,) = clocks_of(deal, rules, {})
    for step, days in zip(clock.steps, (warn, warn + more), strict=True):
        wanted = rules.day(progress) + timedelta(days=days)
        # A zone that crosses the date line has no such day; the next one begins there.
        assert rules.day(step.at) >= wanted
        assert rules.day(step.at - timedelta(microseconds=1)) < wanted


class Reference:
    """An SMB deal of the default policy, closed where nothing moves it."""

    def __init__(self, on: date) -> None:
        self.progress_on = on
        self.warned_on: date | None = None
        self.warnings = 0
        self.closed_on: date | None = None

    def progress(self, on: date) -> None:
        self.progress_on, self.warned_on = on, None

    def look(self, on: date) -> None:
        if self.closed_on is not None:
            return
        since = (on - self.progress_on).days
        if self.warned_on is None and since >= 7:
            self.warned_on = on
            self.warnings += 1
        if self.warned_on is not None and since >= 15 and on > self.warned_on:
            self.closed_on = on


_MOVES: Any = [{"next_step": "Call"}, {"next_step": "Write"}, {"next_step_date": "2026-12-01"},
               "activity", None, None, None]  # fmt: skip
STORIES = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 1439), st.sampled_from(range(len(_MOVES))),
              st.booleans()),
    min_size=2,
    max_size=9,
)  # fmt: skip


@settings(max_examples=10)
@given(story=STORIES)
async def test_a_story_warns_and_closes_as_the_reference(
    stack: Any, clock_at: Clock, story: list[tuple[int, int, int, bool]]
) -> None:
    async with await stack.new_workspace() as api:
        await _play(api, clock_at, story)


async def _play(api: Api, clock_at: Clock, story: list[tuple[int, int, int, bool]]) -> None:
    await begin(api, clock_at, autoclose__mode="close")
    with clock_at(START):
        opportunity = await small(api)
        await api.follow()
    reference, now = Reference(START.date()), START
    said: dict[str, str] = {}
    for days, minute, move, is_worker_up in story:
        first = now.date() + timedelta(days=days)
        moment = datetime(first.year, first.month, first.day, tzinfo=PACIFIC)
        now = max(now + timedelta(minutes=1), moment + timedelta(minutes=minute))
        with clock_at(now):
            if (what := _MOVES[move]) is not None and reference.closed_on is None:
                await make_progress(api, opportunity, what)
                # Saying what is said already is nothing new.
                if what == "activity" or not what.items() <= said.items():
                    reference.progress(now.date())
                said |= {} if what == "activity" else what
            if is_worker_up:
                await api.follow()
                reference.look(now.date())
                is_closed = (await get(api, opportunity))["stage"] == "closed_lost"
                assert is_closed == (reference.closed_on is not None)
    kinds = [kind for kind, who in await told(api) if who == "ana"]
    assert kinds.count("stale_warning") == reference.warnings
    assert kinds.count("stale_auto_closed") == (reference.closed_on is not None)
    versions = await history(api, opportunity)
    assert [each["actor"] for each in versions].count("system") == (reference.closed_on is not None)
