"""What decides about twins: who may be the same person, and what one lead made of several is.

Pure: no database, no clock. The same mailbox is the same person; the same company and a similar
name only may be.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from services.qualification.leads.record import Lead

By = Literal["email", "domain"]
SAME_EMAIL: Final = "same_email"
SIMILAR_NAME: Final = "same_domain_and_similar_name"
STATED: Final = "stated"

_TAG: Final = re.compile(r"[+][^@]*@")
_WORD: Final = re.compile(r"[^\W_]+")
_FULL_NAME_MIN: Final = 3
_NEIGHBOURS_MAX: Final = 30


def address_of(email: str | None) -> str | None:
    """The mailbox behind an address: in small letters, without its tag. As the index of leads
    has it."""
    return None if email is None else _TAG.sub("@", email.lower(), count=1)


def tokens_of(name: str) -> tuple[str, ...]:
    """The parts of a name in small letters, without accents."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return tuple(_WORD.findall("".join(sign for sign in plain if not unicodedata.combining(sign))))


def are_similar(one: Sequence[str], two: Sequence[str]) -> bool:
    """Two names, in parts, that may be one person's: in another order, with or without a middle
    name, with an initial, or mistyped by one letter."""
    if set(one) == set(two):
        return bool(one)
    shared = set(one) & set(two)
    full = {part for part in shared if len(part) >= _FULL_NAME_MIN}
    if not full:
        return False
    shorter, longer = sorted((one, two), key=len)
    if len(shorter) >= 2 and set(shorter) <= set(longer):
        return True
    return len(one) == len(two) and all(
        _same_part(left, right) for left, right in zip(one, two, strict=True)
    )


def _same_part(one: str, two: str) -> bool:
    if one == two:
        return True
    shorter, longer = sorted((one, two), key=len)
    if not longer.startswith(shorter[:1]):
        return False
    return len(shorter) == 1 or (len(shorter) >= _FULL_NAME_MIN and _one_edit(shorter, longer))


def _one_edit(shorter: str, longer: str) -> bool:
    """One letter more, one other letter, or two that changed places."""
    if len(longer) - len(shorter) > 1:
        return False
    start = next(
        (place for place, sign in enumerate(shorter) if sign != longer[place]), len(shorter)
    )
    rest, other = shorter[start:], longer[start:]
    if len(shorter) < len(longer):
        return rest == other[1:]
    return rest[1:] == other[1:] or (rest[:2] == other[:2][::-1] and rest[2:] == other[2:])


def similar_groups(names: Mapping[UUID, str]) -> list[list[UUID]]:
    """Those of one company that may be one person, in groups of at least two. Whoever shares no
    part of a name is not compared; of very many who share one, only neighbours are."""
    parts = {lead_id: tokens_of(name) for lead_id, name in names.items()}
    sharing: dict[str, list[UUID]] = defaultdict(list)
    for lead_id, tokens in parts.items():
        for token in set(tokens):
            if len(token) >= _FULL_NAME_MIN or len(tokens) == 1:
                sharing[token].append(lead_id)
    groups = _Groups()
    for block in sharing.values():
        block.sort(key=lambda lead_id: (sorted(parts[lead_id]), lead_id))
        for place, one in enumerate(block):
            for two in block[place + 1 : place + 1 + _NEIGHBOURS_MAX]:
                if are_similar(parts[one], parts[two]):
                    groups.join(one, two)
    return groups.found()


class _Groups:
    """Sets that grow together."""

    def __init__(self) -> None:
        self._above: dict[UUID, UUID] = {}

    def _root(self, member: UUID) -> UUID:
        self._above.setdefault(member, member)
        while self._above[member] != member:
            self._above[member] = self._above[self._above[member]]
            member = self._above[member]
        return member

    def join(self, one: UUID, two: UUID) -> None:
        first, second = sorted((self._root(one), self._root(two)))
        self._above[second] = first

    def found(self) -> list[list[UUID]]:
        """Each in the order of ids, by its first."""
        members: dict[UUID, list[UUID]] = defaultdict(list)
        for member in sorted(self._above):
            members[self._root(member)].append(member)
        return sorted(members.values())


_RANK: Final = {
    "raw": 0,
    "inquiry": 1,
    "mql": 2,
    "pql": 2,
    "accepted": 3,
    "qualifying": 4,
    "qualified": 5,
}
# Who was put aside is brought back by a twin's new sign of interest; who was disqualified only by
# a twin that somebody works on.
_BACK_FROM: Final = {"recycle": 2, "disqualified": 3}

FILLABLE: Final = (
    "email",
    "title",
    "company",
    "account_external_id",
    "employees",
    "region",
    "source_kind",
    "source",
    "use_case",
    "seats",
    "persona",
    "sdr_id",
    "owner_id",
    "notes",
    "industry",
    "phone",
    "campaign",
    "engagement_external_id",
    "landing_page",
    "stated_score",
)
"""Facts that the survivor takes where it has none of its own."""

WIRE_NAMES: Final = {
    "sdr_id": "sdr_external_id",
    "owner_id": "owner_external_id",
    "stated_score": "score",
}
KEEPABLE: Final = {WIRE_NAMES.get(name, name): name for name in ("name", *FILLABLE)}
"""What may be said to be kept of which lead, by its name on the wire."""


class Taken(NamedTuple):
    """A fact the survivor has from another lead."""

    field: str
    lead_id: UUID


@dataclass(frozen=True, slots=True)
class Merged:
    """What one lead made of several is, and what it has from which. `status_of` is the lead whose
    status it takes, where that is not its own."""

    lead: Lead
    taken: tuple[Taken, ...]
    status_of: Lead | None


def oldest_first(leads: Iterable[Lead]) -> list[Lead]:
    return sorted(leads, key=lambda lead: (lead.created_at, lead.id))


def merge(
    survivor: Lead, others: Sequence[Lead], *, keep: Mapping[str, UUID], is_converted: bool
) -> Merged:
    """`others` oldest first; `keep` are columns and whose value stands. What follows from points
    is not decided here."""
    by_id = {lead.id: lead for lead in (survivor, *others)}
    values: dict[str, Any] = {}
    taken = []
    for name in ("name", *FILLABLE):
        source = by_id[keep[name]] if name in keep else _source(name, survivor, others)
        value = getattr(source, name)
        if source.id != survivor.id and value != getattr(survivor, name):
            taken.append(Taken(WIRE_NAMES.get(name, name), source.id))
        values[name] = value
    every = [survivor, *others]
    values |= {
        "tools": list(dict.fromkeys(tool for lead in every for tool in lead.tools)),
        "unsubscribed": any(lead.unsubscribed for lead in every),
        "key_account": any(lead.key_account for lead in every),
        "mql_count": sum(lead.mql_count for lead in every),
        **{name: _earliest(every, name) for name in _FIRSTS},
        "last_touch_at": max(_known(every, "last_touch_at"), default=None),
    }
    furthest = _furthest(survivor, others, is_converted=is_converted)
    if furthest is not None:
        values |= {
            name: getattr(furthest, name)
            for name in ("status", "status_since", "status_reason", "status_details")
        }
        values |= {"recycle_until": None, "woken_at": None}
    return Merged(replace(survivor, **values), tuple(taken), furthest)


_FIRSTS: Final = ("first_mql_at", "first_pql_at", "first_response_at", "sql_at")


def _source(name: str, survivor: Lead, others: Sequence[Lead]) -> Lead:
    if getattr(survivor, name) is not None:
        return survivor
    return next((lead for lead in others if getattr(lead, name) is not None), survivor)


def _known(leads: Iterable[Lead], name: str) -> list[Any]:
    return [value for lead in leads if (value := getattr(lead, name)) is not None]


def _earliest(leads: Iterable[Lead], name: str) -> Any:
    return min(_known(leads, name), default=None)


def _furthest(survivor: Lead, others: Sequence[Lead], *, is_converted: bool) -> Lead | None:
    """Whose status the survivor takes: work that was done is not undone by a merge."""
    if is_converted:
        return next((lead for lead in others if lead.opportunity_id is not None), None)
    reached = _RANK.get(survivor.status)
    needed = _BACK_FROM[survivor.status] if reached is None else reached + 1
    further = [lead for lead in others if _RANK.get(lead.status, -1) >= needed]
    return max(further, key=lambda lead: _RANK[lead.status], default=None)


def rule_of(survivor: Lead, other: Lead, generic: Iterable[str]) -> str:
    """By what the two were the same: `stated` where only whoever merged them says so."""
    address = address_of(survivor.email)
    if address is not None and address == address_of(other.email):
        return SAME_EMAIL
    domain = survivor.email_domain
    if domain is None or domain != other.email_domain or domain in set(generic):
        return STATED
    similar = are_similar(tokens_of(survivor.name), tokens_of(other.name))
    return SIMILAR_NAME if similar else STATED


def suggested_survivor(leads: Sequence[Lead]) -> Lead:
    """The one that was handed over, else the one furthest along, else the oldest."""
    return min(
        leads,
        key=lambda lead: (
            lead.opportunity_id is None,
            -_RANK.get(lead.status, -1),
            lead.created_at,
            lead.id,
        ),
    )
