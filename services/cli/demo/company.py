"""The invented company: who sells where and reports to whom, and the accounts they sell to. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.cli.demo.dice import Dice
from services.cli.demo.names import COMPANY_KINDS, COMPANY_WORDS, FIRST_NAMES, LAST_NAMES, VERTICALS

ACCOUNTS: Final = 150
REPS_IN_A_TEAM: Final = 4


class Region(NamedTuple):
    name: str
    timezone: str
    share: float


REGIONS: Final = (
    Region("AMER", "America/New_York", 0.48),
    Region("EMEA", "Europe/Berlin", 0.32),
    Region("APAC", "Asia/Tokyo", 0.20),
)
COMMERCIAL: Final = "commercial"
ENTERPRISE: Final = "enterprise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody of the sales organisation; `level` is what the role does not tell apart."""

    external_id: str
    name: str
    role: str
    level: str
    manager: str | None = None
    region: str | None = None
    segment: str | None = None
    plan_type: str = "net"
    timezone: str | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "external_id": self.external_id,
            "name": self.name,
            "email": f"{self.external_id}@leadline.example",
            "role": self.role,
            "manager_external_id": self.manager,
            "region": self.region,
            "segment": self.segment,
            "plan_type": self.plan_type,
            "timezone": self.timezone,
        }


@dataclass(frozen=True, slots=True)
class Team:
    """The salespeople of one manager."""

    manager: str
    region: str
    kind: str
    reps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Organisation:
    """Everybody, managers before their reports."""

    people: tuple[Person, ...]
    teams: tuple[Team, ...]
    sdrs: dict[str, tuple[str, ...]]

    def team(self, region: str, kind: str) -> Team:
        return next(team for team in self.teams if (team.region, team.kind) == (region, kind))

    @property
    def head(self) -> Person:
        return self.people[0]


class _Roster:
    """Hands out names, each once."""

    def __init__(self, seed: int) -> None:
        self._dice = Dice(seed, "roster")
        self._taken: set[str] = set()

    def next_name(self) -> tuple[str, str]:
        while True:
            first, last = self._dice.one_of(FIRST_NAMES), self._dice.one_of(LAST_NAMES)
            external_id = f"{first}.{last}".lower()
            if external_id not in self._taken:
                self._taken.add(external_id)
                return external_id, f"{first} {last}"


def make_organisation(seed: int, scale: float) -> Organisation:
    """One VP, a director a region, two managers each, and their teams."""
    roster = _Roster(seed)
    people: list[Person] = []
    teams: list[Team] = []
    sdrs: dict[str, tuple[str, ...]] = {}

    def hire(level: str, manager: str | None, **details: str) -> str:
        external_id, name = roster.next_name()
        role = "manager" if level in ("head", "director") else level
        people.append(
            Person(
                external_id=external_id,
                name=name,
                role=role,
                level=level,
                manager=manager,
                **details,
            )
        )
        return external_id

    head = hire("head", None, timezone="America/Los_Angeles")
    hire("sales_ops", head, timezone="America/Los_Angeles")
    size = max(REPS_IN_A_TEAM, math.ceil(REPS_IN_A_TEAM * scale / 2))
    for region in REGIONS:
        place = {"region": region.name, "timezone": region.timezone}
        director = hire("director", head, **place)
        for kind in (COMMERCIAL, ENTERPRISE):
            manager = hire("manager", director, **place)
            reps = []
            for number in range(size):
                segment = "large" if kind == ENTERPRISE else ("smb", "mid_market")[number % 2]
                plan = "gross" if segment == "smb" else "net"
                reps.append(hire("rep", manager, segment=segment, plan_type=plan, **place))
            teams.append(Team(manager, region.name, kind, tuple(reps)))
        sdrs[region.name] = tuple(hire("sdr", director, **place) for _ in range(2))
    return Organisation(tuple(people), tuple(teams), sdrs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer or prospect."""

    external_id: str
    name: str
    number: int
    employees: int
    segment: str
    vertical: str
    region: str
    route_to_market: str
    owner: str
    parent: str | None = None

    def to_json(self) -> dict[str, object]:
        return {
            "external_id": self.external_id,
            "name": self.name,
            "employees": self.employees,
            "vertical": self.vertical,
            "region": self.region,
            "route_to_market": self.route_to_market,
            "parent_external_id": self.parent,
            "owner_external_id": self.owner,
        }


_EMPLOYEES: Final = {
    "smb": (45, 0.6, 2, 99),
    "mid_market": (420, 0.7, 100, 1999),
    "large": (6500, 0.8, 2000, 120_000),
}
_SEGMENTS: Final = {"smb": 0.36, "mid_market": 0.38, "large": 0.26}


def make_accounts(seed: int, scale: float, organisation: Organisation) -> tuple[Account, ...]:
    """Parents before their children. A larger scale adds accounts and changes none."""
    accounts: list[Account] = []
    for number in range(max(6, round(ACCOUNTS * scale))):
        accounts.append(_account(seed, number, organisation, accounts))
    return tuple(accounts)


def _account(seed: int, number: int, organisation: Organisation, others: list[Account]) -> Account:
    dice = Dice(seed, f"account/{number}")
    segment = dice.weighted(_SEGMENTS)
    region = dice.weighted({region.name: region.share for region in REGIONS})
    median, spread, low, high = _EMPLOYEES[segment]
    employees = min(high, max(low, round(dice.around(median, spread))))
    vertical = dice.one_of(VERTICALS)
    # Every word meets every kind once before any name repeats.
    word = COMPANY_WORDS[number % len(COMPANY_WORDS)]
    kinds = COMPANY_KINDS[vertical]
    series = number // len(COMPANY_WORDS)
    name = f"{word} {kinds[(number + series) % len(kinds)]}"
    if any(other.name == name for other in others):
        name = f"{name} {series + 1}"
    owner = _owner(organisation, region, segment, others)
    parents = [
        other for other in others
        if other.segment == "large" and other.region == region and other.parent is None
    ]  # fmt: skip
    parent = dice.one_of(parents) if segment == "large" and parents and dice.happens(0.2) else None
    return Account(
        external_id=f"acct-{number + 1:04}",
        name=name if parent is None else f"{parent.name.split()[0]} {name.split(' ', 1)[1]}",
        number=number,
        employees=employees,
        segment=segment,
        vertical=vertical,
        region=region,
        route_to_market=dice.weighted({"direct": 0.6, "channel": 0.3, "programs": 0.1}),
        owner=owner,
        parent=None if parent is None else parent.external_id,
    )


def _owner(organisation: Organisation, region: str, segment: str, others: list[Account]) -> str:
    """By turns, so that every salesperson of a team has a book of about the same size."""
    kind = ENTERPRISE if segment == "large" else COMMERCIAL
    reps = organisation.team(region, kind).reps
    if kind == COMMERCIAL:
        # Salespeople of a commercial team serve one segment each.
        reps = reps[0::2] if segment == "smb" else reps[1::2]
    alike = sum((other.region, other.segment) == (region, segment) for other in others)
    return reps[alike % len(reps)]
