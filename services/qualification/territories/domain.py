"""What decides about territories: which colours there are and what they mean, how they are counted
and shared out, which rank an organisation may have and what a rank lacks.

Pure: no database, no clock. A refusal is an answer, so it is returned, not raised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

COLOURS: Final = ("green", "yellow", "red", "grey")
DEVOPS_COLOURS: Final = ("green", "yellow", "red")
UNSTATED: Final = "unstated"
SHADES: Final = (*COLOURS, UNSTATED)
"""What a division is counted as: its colour, or that nobody has said one."""

MEANING: Final = {
    "green": "uses the product",
    "yellow": "evaluates or tests the product",
    "red": "does DevOps, but does not use the product",
    "grey": "does no DevOps",
    UNSTATED: "nobody has said yet",
}
KINDS: Final = ("department", "division", "branch")
ROUTES: Final = ("direct", "channel", "programs")
ROLES: Final = {
    "sdr": "SDR",
    "isr": "ISR",
    "solutions_architect": "solutions architect",
    "customer_success_manager": "customer success manager",
    "reseller_channel_manager": "reseller channel manager",
    "si_channel_manager": "SI channel manager",
    "oem_cloud_channel_manager": "OEM/cloud channel manager",
    "field_marketing": "field marketing",
}
"""The extended team a territory is worked with."""

TOP_VERTICALS: Final = 3
_PARTS: Final = 10_000
_FOUR_PLACES: Final = Decimal("0.0001")


class Refusal(NamedTuple):
    """Why something is not done: a stable code and a sentence."""

    code: str
    message: str


def practises_devops(colour: str | None, stated: bool | None) -> bool | None:
    """A colour says it; without one it is what was stated, or not known."""
    return stated if colour is None else colour in DEVOPS_COLOURS


def check_devops(colour: str | None, stated: bool | None) -> Refusal | None:
    """None where a colour and what is said of DevOps go together."""
    if colour is None or stated is None or practises_devops(colour, None) == stated:
        return None
    says = "does DevOps" if stated else "does no DevOps"
    return Refusal(
        "contradictory",
        f"colour {colour} means it {MEANING[colour]}, but practises_devops says it {says}; "
        "send one of the two, or both in agreement",
    )


class Shade(NamedTuple):
    """One division as it is counted: what of, under what, how, and with how many users."""

    id: UUID
    parent_id: UUID | None
    colour: str | None
    users: int | None


@dataclass(frozen=True, slots=True)
class Figures:
    """How many divisions have each colour, and how many users those whose users are known."""

    counts: Mapping[str, int]
    users: Mapping[str, int]
    users_known: int

    @property
    def divisions(self) -> int:
        return sum(self.counts.values())

    @property
    def devops(self) -> int:
        return sum(self.counts[colour] for colour in DEVOPS_COLOURS)

    @property
    def needs_entry(self) -> bool:
        """Somebody could use the product and nobody does."""
        return self.counts["green"] == 0 and self.counts["yellow"] + self.counts["red"] > 0

    def of_devops(self, *, by_users: bool = False) -> dict[str, Decimal] | None:
        amounts = self.users if by_users else self.counts
        return shares({colour: amounts[colour] for colour in DEVOPS_COLOURS})

    def of_all(self, *, by_users: bool = False) -> dict[str, Decimal] | None:
        return shares(self.users if by_users else self.counts)


def headings(divisions: Iterable[Shade]) -> set[UUID]:
    """Divisions that nothing is said of but that are broken down further: their parts count."""
    listed = list(divisions)
    broken_down = {division.parent_id for division in listed}
    return {each.id for each in listed if each.colour is None and each.id in broken_down}


def figures_of(divisions: Iterable[Shade]) -> Figures:
    """Each division counts once, with its own users; a heading counts through its parts."""
    listed = list(divisions)
    left_out = headings(listed)
    counts = dict.fromkeys(SHADES, 0)
    users = dict.fromkeys(SHADES, 0)
    known = 0
    for division in listed:
        if division.id in left_out:
            continue
        shade = division.colour or UNSTATED
        counts[shade] += 1
        if division.users is not None:
            users[shade] += division.users
            known += 1
    return Figures(counts, users, known)


def shares(amounts: Mapping[str, int]) -> dict[str, Decimal] | None:
    """Each amount's part of the whole in four places, which add up to one exactly: what rounding
    down leaves goes to the largest remainders, the first named first. None of nothing is a share."""
    whole = sum(amounts.values())
    if whole == 0:
        return None
    parts = {name: amount * _PARTS // whole for name, amount in amounts.items()}
    left = _PARTS - sum(parts.values())
    by_remainder = sorted(amounts, key=lambda name: -(amounts[name] * _PARTS % whole))
    for name in by_remainder[:left]:
        parts[name] += 1
    return {name: (Decimal(part) / _PARTS).quantize(_FOUR_PLACES) for name, part in parts.items()}


def share_text(value: Decimal) -> str:
    """As JSON and CSV carry it."""
    return f"{value:.4f}"


def top_verticals(verticals: Iterable[str]) -> list[tuple[str, int]]:
    """Every vertical with how many organisations it has: the most common first, then by name."""
    counted = Counter(verticals)
    return sorted(counted.items(), key=lambda item: (-item[1], item[0].casefold(), item[0]))


def most_common_routes(counts: Mapping[str, int]) -> list[str]:
    """The route most organisations take; several where they tie, none where none is stated."""
    most = max((counts[route] for route in ROUTES), default=0)
    return [route for route in ROUTES if most and counts[route] == most]


_FULL_SCALE: Final = (Decimal(1), Decimal("1.5"), Decimal(2), Decimal(3))
_LARGE_SCALE: Final = (Decimal(1), Decimal(2), Decimal(3))
RANKS: Final = _FULL_SCALE


def ranks_of(segment: str) -> tuple[Decimal, ...]:
    """The ranks an organisation of the segment may have; 1 is the best."""
    return _LARGE_SCALE if segment == "large" else _FULL_SCALE


def rank_text(rank: Decimal) -> str:
    return f"{rank.normalize():f}"


@dataclass(frozen=True, slots=True)
class Ranking:
    """An organisation's rank as somebody gave it."""

    rank: Decimal
    reason: str | None
    sources: Sequence[str]
    fiscal_year: int
    ranked_by_id: UUID | None
    ranked_at: datetime


def lacks_of(
    ranking: Ranking | None, *, segment: str, fiscal_year: int, owner_ids: Iterable[UUID]
) -> list[Refusal]:
    """What keeps the rank from being one to rely on: it must be of this fiscal year, by an owner
    of the territory, with a reason and its sources, and one that the segment has."""
    if ranking is None:
        return [Refusal("not_ranked", "Nobody has ranked it.")]
    lacks = []
    if ranking.fiscal_year != fiscal_year:
        lacks.append(
            Refusal(
                "not_this_fiscal_year",
                f"The rank is of FY{ranking.fiscal_year % 100:02d};"
                f" rank it again for FY{fiscal_year % 100:02d}.",
            )
        )
    if ranking.ranked_by_id not in set(owner_ids):
        lacks.append(Refusal("not_by_owner", "It was not ranked by an owner of the territory."))
    if ranking.reason is None:
        lacks.append(Refusal("no_reason", "It says no reason."))
    if not ranking.sources:
        lacks.append(Refusal("no_sources", "It names no sources."))
    if ranking.rank not in ranks_of(segment):
        allowed = ", ".join(rank_text(rank) for rank in ranks_of(segment))
        lacks.append(
            Refusal("not_of_segment", f"In the segment {segment} a rank is one of {allowed}.")
        )
    return lacks
