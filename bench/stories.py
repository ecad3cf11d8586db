"""Made-up lives of opportunities, told with the product's own rules.

Each story is a few versions with the ledger entries the product would post for them, worked out by
the product's pure code, so that whatever is multiplied from stories adds up as the product's own
would. Knows no database; `seed.py` multiplies.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from services.forecast.domain import Contribution, Dimensions, dimensions_id
from services.forecast.ledger import Contribute, EntryDraft, contributor, post_version
from services.pipeline.opportunities.stages import STAGE
from services.pipeline.views import FigureEvent, FigureInputs, derive
from services.workspace.fiscal import FiscalCalendar, FiscalQuarter, calendar_for
from services.workspace.policy import SOP_2022

CURRENCY: Final = "USD"
START_MONTH: Final = 2
TIMEZONE: Final = "America/Los_Angeles"
QUARTERS_PAST: Final = 12
QUARTERS_AHEAD: Final = 3
STORIES: Final = 2048
"""A power of two, so that a stride with an odd number visits all of them."""

SEGMENTS: Final = ("smb", "mid_market", "large", "public_sector")
REGIONS: Final = ("AMER", "EMEA", "APAC", "LATAM")
VERTICALS: Final = ("finance", "health", "industry", "retail", "software")
GROUPS: Final = tuple((segment, region) for segment in SEGMENTS for region in REGIONS)
"""A seller has one segment and one region, so owners and dimensions do not mix freely."""

_OWNERS: Final = (UUID(int=1), UUID(int=2))
_TYPES: Final = ("new_business", "add_on", "renewal", "professional_services")
_TYPE_WEIGHTS: Final = (50, 22, 24, 4)


class Version(NamedTuple):
    """`slot` is the place of the owner this version names, None where it names nobody."""

    version: int
    kind: str
    occurred_at: datetime
    changes: dict[str, Any]
    previous: dict[str, Any]
    slot: int | None


@dataclass(frozen=True, slots=True)
class Story:
    """One life; `entries` are (version, entry) with the owner still a placeholder."""

    number: int
    group: int
    versions: list[Version]
    entries: list[tuple[int, EntryDraft]]
    inputs: FigureInputs
    contribution: Contribution
    net_arr: Decimal
    forecast_category: str
    push_count: int
    stage_entered_at: datetime

    @property
    def slot(self) -> int:
        return slot_of(self.inputs.owner_id)

    @property
    def dimensions_id(self) -> UUID:
        return dimensions_id(self.contribution.dimensions)


def slot_of(owner_id: UUID) -> int:
    return _OWNERS.index(owner_id)


def calendar() -> FiscalCalendar:
    return calendar_for(START_MONTH, TIMEZONE)


def stories(now: datetime, seed: int = 7) -> tuple[list[Story], dict[UUID, Dimensions]]:
    """All of them, with the combinations of dimensions they use."""
    chance = random.Random(seed)
    teller = _Teller(chance, now)
    told = [teller.tell(number) for number in range(STORIES)]
    dimensions = {
        dimensions_id(entry.dimensions): entry.dimensions
        for story in told
        for _, entry in story.entries
    }
    dimensions |= {story.dimensions_id: story.contribution.dimensions for story in told}
    return told, dimensions


class _Teller:
    """Makes stories from one stream of chance."""

    def __init__(self, chance: random.Random, now: datetime) -> None:
        self._chance = chance
        self._calendar = calendar()
        # Whatever is multiplied from a story may be moved back by a day, never forward.
        self._latest = now - timedelta(minutes=5)
        this = self._calendar.quarter_at(now)
        self._quarters = [
            self._calendar.shift(this, number)
            for number in range(-QUARTERS_PAST, QUARTERS_AHEAD + 1)
        ]
        self._contribute: Contribute = contributor({1: SOP_2022}, self._calendar, CURRENCY)

    def tell(self, number: int) -> Story:
        group = number % len(GROUPS)
        quarter = self._quarters[number // len(GROUPS) % len(self._quarters)]
        first = self._first(group, quarter)
        changes = list(self._changes(first, quarter))
        moments = self._moments(first, len(changes) + 1)
        return self._posted(number, group, first, changes, moments)

    def _first(self, group: int, quarter: FiscalQuarter) -> FigureInputs:
        chance = self._chance
        type_ = chance.choices(_TYPES, _TYPE_WEIGHTS)[0]
        amount = Decimal(round(chance.lognormvariate(10.2, 1.1), -2)).quantize(Decimal("0.01"))
        segment, region = GROUPS[group]
        is_renewal = type_ == "renewal"
        basis = (amount * chance.randint(70, 110) / 100).quantize(Decimal("0.01"))
        close_date = quarter.first_day + timedelta(days=chance.randrange(quarter.days))
        if chance.random() < 0.35:
            close_date -= timedelta(days=chance.randint(20, 80))  # pushed out later
        return FigureInputs.from_changes(
            {
                "policy_version": 1,
                "type": type_,
                "order_type": _order_type(type_, chance),
                "stage": "discovery",
                "amount": None if chance.random() < 0.03 else amount,
                "currency": CURRENCY,
                "term_months": chance.choices((12, 24, 36, None), (70, 12, 14, 4))[0],
                "arr_basis": basis if is_renewal else None,
                "close_date": close_date,
                "owner_id": _OWNERS[0],
                "segment": segment,
                "region": region,
                "vertical": chance.choice(VERTICALS),
            }
        )

    def _changes(self, first: FigureInputs, quarter: FiscalQuarter) -> Iterator[dict[str, Any]]:
        """What each later version states, in order."""
        chance = self._chance
        amount = first.amount or Decimal("25000.00")
        assert first.close_date is not None
        for likelihood in (0.7, 0.4):
            if chance.random() < likelihood:
                amount = (amount * chance.randint(60, 160) / 100).quantize(Decimal("0.01"))
                yield {"amount": amount}
        if chance.random() < 0.12:
            yield {"owner_id": _OWNERS[1]}
        if first.close_date not in quarter:
            yield {"close_date": quarter.first_day + timedelta(days=chance.randrange(quarter.days))}
        is_past = quarter.last_day < self._calendar.local_date(self._latest)
        furthest = 4 if is_past else chance.choices((1, 2, 3, 4), (30, 30, 25, 15))[0]
        for rank, stage in enumerate(("technical_evaluation", "proposal", "negotiating"), 2):
            if rank > furthest or (is_past and chance.random() < 0.25):
                continue
            yield {"stage": stage}
        if first.type == "renewal" and chance.random() < 0.15:
            yield {"renewal_loss_category": chance.choice(("commit", "best_case"))}
        if is_past and chance.random() < 0.96:
            yield {"stage": "closed_won" if chance.random() < 0.34 else "closed_lost"}

    def _moments(self, first: FigureInputs, count: int) -> list[datetime]:
        """Strictly rising, the last one in the past."""
        chance = self._chance
        assert first.close_date is not None
        closes = datetime.combine(first.close_date, datetime.min.time(), UTC) + timedelta(days=40)
        ends = min(closes, self._latest - timedelta(minutes=chance.randint(0, 60 * 24 * 30)))
        begins = ends - timedelta(days=chance.randint(50, 240))
        places = sorted(chance.sample(range(1, 10_000), count))
        return [begins + (ends - begins) * place / 10_000 for place in places]

    def _posted(
        self,
        number: int,
        group: int,
        first: FigureInputs,
        changes: list[dict[str, Any]],
        moments: list[datetime],
    ) -> Story:
        said = _without_owner(first.to_json())
        versions = [Version(1, "created", moments[0], said, {}, 0)]
        entries: list[tuple[int, EntryDraft]] = []
        inputs, entered_at, pushes = first, moments[0], 0
        event = FigureEvent(1, moments[0], first.to_json())
        entries += [(1, entry) for entry in post_version(event, self._contribute, before=None)]
        for version, (change, moment) in enumerate(zip(changes, moments[1:], strict=True), 2):
            event = FigureEvent(version, moment, change)
            after = inputs.merge(change)
            drafts = post_version(event, self._contribute, before=inputs)
            entries += [(version, entry) for entry in drafts]
            old, new = inputs.to_json(), after.to_json()
            names = [name for name in change if name != "owner_id"]
            slot = slot_of(after.owner_id) if "owner_id" in change else None
            versions.append(
                Version(
                    version, "changed", moment,
                    {name: new[name] for name in names}, {name: old[name] for name in names}, slot,
                )
            )  # fmt: skip
            if STAGE[after.stage] is not STAGE[inputs.stage]:
                entered_at = moment
            pushes += _is_pushed(inputs.close_date, after.close_date)
            inputs = after
        state = derive(inputs, SOP_2022)
        return Story(
            number, group, versions, entries, inputs, self._contribute(inputs), state.net_arr,
            state.forecast_category, pushes, entered_at,
        )  # fmt: skip


def _order_type(type_: str, chance: random.Random) -> str:
    if type_ == "new_business":
        return chance.choice(("new_first_order", "new_connected"))
    return "ps_other" if type_ == "professional_services" else "growth"


def _is_pushed(old: date | None, new: date | None) -> bool:
    return old is not None and new is not None and new > old


def _without_owner(inputs: dict[str, Any]) -> dict[str, Any]:
    """What a first version says: only what has a value, the owner told apart."""
    blank = (None, "", "0.00", "none")
    return {
        name: value for name, value in inputs.items() if name != "owner_id" and value not in blank
    }
