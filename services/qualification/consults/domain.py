"""What decides about consults: which deals should have had one, and how many of them had.

Pure: no database, no clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal
from uuid import UUID

from services.workspace.policy import Policy

Rule = Literal["threshold", "top_deals"]

_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Deal:
    """An open deal that is far enough for a consult. `is_covered`: its last one is recent."""

    id: UUID
    owner_id: UUID
    segment: str
    net_arr: Decimal
    is_covered: bool


@dataclass(frozen=True, slots=True)
class Counted:
    """A deal that counts, and why: above its segment's threshold, or among its owner's largest."""

    deal: Deal
    rule: Rule


def due_deals(deals: Iterable[Deal], policy: Policy) -> list[Counted]:
    """Those that should have a consult, the largest first. An owner with too few deals above the
    threshold counts its largest instead; what brings nothing is never among them."""
    by_owner: dict[UUID, list[Deal]] = defaultdict(list)
    for deal in deals:
        if deal.net_arr > 0:
            by_owner[deal.owner_id].append(deal)
    top = policy.number("consult.top_deals")
    thresholds = {
        segment: Decimal(str(value))
        for segment, value in policy.settings["consult.net_arr"].items()
    }
    found: list[Counted] = []
    for owned in by_owner.values():
        above = [deal for deal in owned if _is_above(deal, thresholds)]
        if len(above) >= top:
            found += [Counted(deal, "threshold") for deal in above]
        else:
            found += [Counted(deal, "top_deals") for deal in _largest(owned)[:top]]
    return sorted(found, key=lambda counted: _size(counted.deal))


def _is_above(deal: Deal, thresholds: Mapping[str, Decimal]) -> bool:
    threshold = thresholds.get(deal.segment)
    return threshold is not None and deal.net_arr >= threshold


def _largest(deals: Sequence[Deal]) -> list[Deal]:
    return sorted(deals, key=_size)


def _size(deal: Deal) -> tuple[Decimal, UUID]:
    return -deal.net_arr, deal.id


def is_recent(held_on: date | None, today: date, policy: Policy) -> bool:
    """Whether a consult of that day still counts."""
    return held_on is not None and (today - held_on).days <= policy.number("consult.max_age_days")


@dataclass(frozen=True, slots=True)
class Share:
    """How many deals, and of how much Net ARR, had a consult."""

    deal_count: int
    covered_count: int
    net_arr: Decimal
    covered_net_arr: Decimal

    @property
    def count_percent(self) -> Decimal | None:
        return _percent(Decimal(self.covered_count), Decimal(self.deal_count))

    @property
    def net_arr_percent(self) -> Decimal | None:
        return _percent(self.covered_net_arr, self.net_arr)


def share(counted: Iterable[Counted]) -> Share:
    deals = [each.deal for each in counted]
    covered = [deal for deal in deals if deal.is_covered]
    return Share(len(deals), len(covered), _sum(deals), _sum(covered))


def _sum(deals: Sequence[Deal]) -> Decimal:
    return sum((deal.net_arr for deal in deals), Decimal(0))


def _percent(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part * 100 / whole).quantize(_CENT, ROUND_HALF_UP) if whole else None
