"""The funnel through HTTP, against a plain recomputation and at its borders."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.client import Api, Stack
from tests.qualification.funnel_book import Deal, LeadRow, Reference, insert, without
from tests.qualification.test_leads import make_user

FUNNEL = "/qualification/v1/funnel"
BEHIND = f"{FUNNEL}/leads"
NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)
Clock = Callable[[datetime], AbstractContextManager[None]]


def at(days: float = 0, **parts: float) -> datetime:
    return NOW - timedelta(days=60) + timedelta(days=days, **parts)


async def all_behind(api: Api, **params: Any) -> list[Any]:
    """Every page of the leads behind a figure."""
    found: list[Any] = []
    cursor = None
    while True:
        page = await api.call(
            "GET", BEHIND, params={**params, "limit": 3} | ({"cursor": cursor} if cursor else {})
        )
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


moments = st.integers(-40 * 24 * 60, 40 * 24 * 60).map(
    lambda minutes: datetime(2026, 4, 30, 21, 0, tzinfo=UTC) + timedelta(minutes=minutes)
)
days = st.dates(date(2026, 3, 25), date(2026, 6, 12))
names = st.sampled_from([None, "a", "b"])


@st.composite
def histories(draw: st.DrawFn) -> LeadRow:
    """Steps in any order of time, some missing: what other systems told."""
    sql_at = draw(st.none() | moments)
    deal = None
    if sql_at is not None and draw(st.booleans()):
        deal = Deal(
            stage=draw(
                st.sampled_from(["pending_acceptance", "discovery", "closed_won", "duplicate"])
            ),
            stage_entered_at=draw(moments),
            sales_accepted_date=draw(st.none() | days),
        )
    return LeadRow(
        created_at=draw(moments),
        first_mql_at=draw(st.none() | moments),
        first_pql_at=draw(st.none() | moments),
        sql_at=sql_at,
        source=draw(names),
        region=draw(names),
        campaign=draw(names),
        source_kind=draw(st.sampled_from([None, "inbound", "outbound"])),
        engagement_external_id=draw(names),
        employees=draw(st.sampled_from([None, 0, 99, 100, 1999, 2000])),
        deal=deal,
    )


questions = st.fixed_dictionaries(
    {
        "axis": st.sampled_from(["cohort", "event"]),
        "group_by": st.sampled_from(
            ["source", "source_kind", "region", "segment", "sdr", "campaign", "engagement", "month"]
        ),
        "days": st.tuples(days, days).map(sorted),
        "as_of": st.none() | moments.map(lambda moment: min(moment, NOW)),
    }
)


async def test_it_is_what_a_recomputation_says(stack: Stack, clock_at: Clock) -> None:
    loop = asyncio.get_running_loop()

    def wait(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    @settings(max_examples=25, phases=[Phase.explicit, Phase.reuse, Phase.generate])
    @given(st.lists(histories(), max_size=12), st.lists(questions, min_size=3, max_size=3),
           st.lists(st.integers(0, 11), max_size=2))  # fmt: skip
    def compare(leads: list[LeadRow], asked: list[dict[str, Any]], merged: list[int]) -> None:
        wait(_compare(stack, leads, asked, merged))

    with clock_at(NOW):
        await asyncio.to_thread(compare)


async def _compare(
    stack: Stack, leads: list[LeadRow], asked: list[dict[str, Any]], merged: list[int]
) -> None:
    async with await stack.new_workspace() as api:
        await make_user(api, "sid", "sdr")
        sid = (await api.call("GET", "/pipeline/v1/users"))["items"][0]["id"]
        book = [
            without(
                lead,
                sdr_id=sid if place % 2 else None,
                merged_into_id=leads[0].id if place in merged else None,
            )
            for place, lead in enumerate(leads)
        ]
        await insert(api, book)
        for question in asked:
            first, last = question["days"]
            as_of = question["as_of"] or NOW
            reference = Reference(
                first, last, question["axis"], as_of, question["group_by"], {sid: "sid"}
            )
            params = {
                "from": str(first),
                "to": str(last),
                "axis": question["axis"],
                "group_by": question["group_by"],
                "as_of": as_of.isoformat(),
            }
            answer = await api.call("GET", FUNNEL, params=params)
            groups = reference.groups(book)
            assert {group.pop("group"): group for group in answer["groups"]} == groups
            assert answer["total"] == reference.figures(book)
            for step in ("leads", "sql", "won"):
                behind = await all_behind(api, step=step, **params)
                assert len(behind) == answer["total"][step]
                assert len({lead["id"] for lead in behind}) == len(behind)
                for name, figures in groups.items():
                    own = [lead for lead in behind if lead["group"] == name]
                    assert len(own) == figures[step]
                    if step != "leads":
                        assert sum(lead["skipped"] for lead in own) == figures["skipped"][step]
