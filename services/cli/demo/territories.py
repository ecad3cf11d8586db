"""The territories of the invented company: organisations, their divisions, and who uses it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from services.cli.demo.company import COMMERCIAL, ENTERPRISE, REGIONS, Account, Organisation
from services.cli.demo.deals import STAGES, WON, Deal
from services.cli.demo.dice import Dice
from services.kit import clock

_NAMES: Final = {
    "Healthcare": ("Patient records", "Laboratory systems", "Research", "Hospital IT"),
    "Manufacturing": ("Plant software", "Embedded systems", "Supply chain", "Group IT"),
    "Transportation": ("Booking systems", "Fleet software", "Operations control", "Group IT"),
    "Financial": ("Payments", "Risk models", "Online banking", "Core systems"),
    "Technology": ("Platform", "Mobile apps", "Data products", "Internal tools"),
    "Public Sector": ("Citizen portal", "Registers", "Statistics", "Central IT"),
}
_WITHOUT_SOFTWARE: Final = ("Sales", "Facilities", "Legal")
_DIVISIONS: Final = {"smb": (1, 1), "mid_market": (2, 3), "large": (3, 4)}
_RANKED: Final = 3


@dataclass(frozen=True, slots=True)
class Rank:
    """How much an organisation promises, as one of the territory's owners sees it."""

    organisation: str
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Territory:
    """One team's patch. `earlier` is what was said of divisions before what is so now."""

    external_id: str
    fields: dict[str, Any]
    organisations: tuple[dict[str, Any], ...]
    earlier: tuple[dict[str, Any], ...]
    divisions: tuple[dict[str, Any], ...]
    ranks: tuple[Rank, ...]
    vertical: str
    strategy: dict[str, Any]
    people: dict[str, Any]

    def to_json(self) -> dict[str, object]:
        return {"external_id": self.external_id, **self.fields}


def territory_id(region: str, kind: str) -> str:
    return f"{region.lower()}-{kind}"


def make_territories(
    seed: int,
    organisation: Organisation,
    accounts: tuple[Account, ...],
    deals: Iterable[Deal],
    today: date,
) -> tuple[Territory, ...]:
    """A territory a team: its accounts, each as an organisation."""
    bought: set[str] = set()
    looking: set[str] = set()
    for deal in deals:
        now = deal.now
        if now["stage"] == WON:
            bought.add(now["account_external_id"])
        elif now["stage"] in STAGES[1:] and now["type"] == "new_business":
            looking.add(now["account_external_id"])
    return tuple(
        _territory(seed, region.name, kind, organisation, accounts, bought, looking, today)
        for region in REGIONS
        for kind in (COMMERCIAL, ENTERPRISE)
    )


def _territory(
    seed: int,
    region: str,
    kind: str,
    organisation: Organisation,
    accounts: tuple[Account, ...],
    bought: set[str],
    looking: set[str],
    today: date,
) -> Territory:
    team = organisation.team(region, kind)
    own = [
        account
        for account in accounts
        if account.region == region and (account.segment == "large") == (kind == ENTERPRISE)
    ]
    earlier: list[dict[str, Any]] = []
    divisions: list[dict[str, Any]] = []
    for account in own:
        dice = Dice(seed, f"divisions/{account.number}")
        is_in = account.external_id in bought, account.external_id in looking
        for place in range(dice.whole(*_DIVISIONS[account.segment])):
            before, now = _division(dice, account, place, is_in, today)
            divisions.append(now)
            if before is not None:
                earlier.append(before)
    verticals = sorted({account.vertical for account in own}) or ["Technology"]
    dice = Dice(seed, f"territory/{region}/{kind}")
    owner = team.reps[0]
    return Territory(
        external_id=territory_id(region, kind),
        fields={
            "name": f"{region} {kind}",
            "region": region,
            "segment": "large" if kind == ENTERPRISE else None,
            "owner_external_ids": list(team.reps),
        },
        organisations=tuple(_organisation(account, bought) for account in own),
        earlier=tuple(earlier),
        divisions=tuple(divisions),
        ranks=tuple(_ranks(own, owner)),
        vertical=dice.one_of(verticals),
        strategy=_strategy(today),
        people={
            "sdr": [{"name": name} for name in _names(organisation, organisation.sdrs[region])],
            "solutions_architect": [{"name": "Sasha Kim"}],
            "field_marketing": [{"name": "Mo Adler"}],
        },
    )


def _names(organisation: Organisation, external_ids: Iterable[str]) -> list[str]:
    known = {person.external_id: person.name for person in organisation.people}
    return [known[external_id] for external_id in external_ids]


def _organisation(account: Account, bought: set[str]) -> dict[str, Any]:
    return {
        "external_id": account.external_id,
        "name": account.name,
        "account_external_id": account.external_id,
        "vertical": account.vertical,
        "route_to_market": account.route_to_market,
        "employees": account.employees,
        "is_customer": account.external_id in bought,
    }


def _division(
    dice: Dice, account: Account, place: int, is_in: tuple[bool, bool], today: date
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """What was said of a division first, where it has changed since, and what is said now. The
    first division of whoever bought is the one that uses it."""
    is_customer, is_looking = is_in
    known: dict[str, Any] = {
        "organisation_external_id": account.external_id,
        "external_id": f"d{place + 1}",
        "name": _NAMES[account.vertical][place],
        "kind": "department" if account.segment == "smb" else "division",
    }
    colour = "red"
    if place == 0 and is_customer:
        colour = "green"
    elif is_looking and place == int(is_customer):
        colour = "yellow"
    elif is_customer:
        colour = dice.weighted({"green": 0.35, "yellow": 0.15, "red": 0.4, "grey": 0.1})
    elif place > 1 and dice.happens(0.3):
        colour = "grey"
    if colour == "grey":
        known["name"] = dice.one_of(_WITHOUT_SOFTWARE)
    since = today - timedelta(days=dice.whole(15, 320))
    known["users"] = max(2, round(account.employees * dice.between(0.02, 0.12)))
    now = {
        **known,
        "colour": colour,
        "said_by": dice.one_of(("Account owner", "Customer success", "Their platform lead")),
        "occurred_at": _at(since),
        "early_adopter": colour == "green" and place == 0,
    }
    if colour not in ("green", "yellow"):
        return None, now
    was = {"green": "yellow", "yellow": "red"}[colour]
    before = since - timedelta(days=dice.whole(40, 160))
    return {**known, "colour": was, "said_by": "Account owner", "occurred_at": _at(before)}, now


def _at(day: date) -> str:
    return clock.isoformat(datetime(day.year, day.month, day.day, 16, tzinfo=UTC))


def _ranks(own: list[Account], owner: str) -> Iterable[Rank]:
    """The largest ones; a rank has a reason and its sources."""
    largest = sorted(own, key=lambda account: (-account.employees, account.external_id))
    for place, account in enumerate(largest[:_RANKED]):
        yield Rank(
            account.external_id,
            {
                "rank": ("1", "2", "3")[place],
                "reason": f"{account.employees} people, and several departments without a tool.",
                "sources": ["Annual report", "Site"],
                "ranked_by_external_id": owner,
            },
        )


def _strategy(today: date) -> dict[str, Any]:
    due = (today + timedelta(days=60)).isoformat()
    tactics = [{"text": "Workshop with the second department", "due_on": due}]
    return {
        "routes_strategy": "Partners open the door; a reference of the same industry keeps it open.",
        "objectives": [
            {"text": "From one department to three at the five largest", "tactics": tactics}
        ],
    }
