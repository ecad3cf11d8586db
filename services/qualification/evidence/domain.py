"""What decides about MEDDPPICC: merging what is stated, what is wrong with it, colours and gaps.

Pure: no database, no clock. An element is scored 0 unknown, 1 mentioned, 2 identified with
evidence, 3 confirmed by the customer. What is wrong is returned, not raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Protocol, Self

from services.workspace.policy import Policy
from services.workspace.policy_qualification import ELEMENTS
from services.workspace.policy_settings import OPEN_STAGES

SCORE_MAX: Final = 3
TOTAL_MAX: Final = SCORE_MAX * len(ELEMENTS)
IDENTIFIED: Final = 2
"""The score from which an element is no gap."""


class Deal(Protocol):
    """What is asked about an opportunity."""

    @property
    def name(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def segment(self) -> str: ...
    @property
    def amount(self) -> Decimal | None: ...
    @property
    def net_arr(self) -> Decimal: ...
    @property
    def created_at(self) -> datetime: ...


def stage_number(stage: str) -> int | None:
    """The place among open stages, 0 for pending acceptance; None for a closed opportunity."""
    return OPEN_STAGES.index(stage) if stage in OPEN_STAGES else None


class Problem(NamedTuple):
    """What is wrong with one field of what was stated."""

    pointer: str
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """What is known of one element, who said so last and when."""

    score: int = 0
    evidence: str | None = None
    contact_external_id: str | None = None
    author: str | None = None
    changed_at: datetime | None = None

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        known = dict(stored)
        if known.get("changed_at") is not None:
            known["changed_at"] = datetime.fromisoformat(known["changed_at"])
        return cls(**known)

    def to_json(self) -> dict[str, Any]:
        told = self.told()
        told["author"] = self.author
        told["changed_at"] = None if self.changed_at is None else self.changed_at.isoformat()
        return told

    def told(self) -> dict[str, Any]:
        """What clients state about it."""
        return {
            "score": self.score,
            "evidence": self.evidence,
            "contact_external_id": self.contact_external_id,
        }

    @property
    def is_empty(self) -> bool:
        return self.told() == _NOTHING

    @property
    def colour(self) -> str:
        return ("red", "red", "yellow", "green")[self.score]


_NOTHING: Final = Element().told()
UNKNOWN: Final = Element()

Elements = Mapping[str, Element]


def elements_from_json(stored: Mapping[str, Any]) -> dict[str, Element]:
    """All nine, in their order; one nobody wrote about is unknown."""
    return {
        name: Element.from_json(stored[name]) if name in stored else UNKNOWN for name in ELEMENTS
    }


def elements_to_json(elements: Elements) -> dict[str, Any]:
    """Those anybody ever wrote about."""
    return {name: each.to_json() for name, each in elements.items() if each != UNKNOWN}


def merge(
    elements: Elements, stated: Mapping[str, Mapping[str, Any] | None], author: str, at: datetime
) -> dict[str, Element]:
    """The elements with what was stated in them: an absent element or field stays, null clears.
    What changes nothing keeps its author and date."""
    merged = dict(elements)
    for name, fields in stated.items():
        old = elements[name]
        values = _NOTHING if fields is None else {**old.told(), **_cleared(fields)}
        if values != old.told():
            merged[name] = replace(old, **values, author=author, changed_at=at)
    return merged


def _cleared(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _NOTHING[name] if value is None else value for name, value in fields.items()}


def changed(before: Elements, after: Elements) -> list[str]:
    """The elements that say something else, in their order."""
    return [name for name in ELEMENTS if before[name].told() != after[name].told()]


def check(name: str, element: Element) -> list[Problem]:
    """What is wrong with an element as it would be stored. What is merely mentioned may be hearsay;
    what counts as identified rests on something."""
    if element.score < IDENTIFIED or element.evidence is not None:
        return []
    return [
        Problem(
            f"/elements/{name}/evidence",
            "evidence_missing",
            f"says what the score of {element.score} rests on; below {IDENTIFIED} it may be absent",
        )
    ]


def is_only_an_advocate(champion: Element) -> bool:
    """A champion said to be confirmed whom nobody has named."""
    return champion.score == SCORE_MAX and champion.contact_external_id is None


def gaps(elements: Elements, at_stage: int | None, required_by: Mapping[str, int]) -> list[str]:
    """The elements that must be identified at this stage and are not; none once it is closed."""
    if at_stage is None:
        return []
    return [
        name
        for name in ELEMENTS
        if required_by.get(name, at_stage + 1) <= at_stage and elements[name].score < IDENTIFIED
    ]


def total(elements: Elements) -> int:
    return sum(element.score for element in elements.values())


def percent(points: int) -> int:
    """Of the highest total, rounded down, so that it never looks better than its colour."""
    return points * 100 // TOTAL_MAX


def colour(percentage: int, policy: Policy) -> str:
    yellow, green = policy.settings["meddppicc.colours"]
    if percentage < yellow:
        return "red"
    return "yellow" if percentage < green else "green"


def filled(elements: Elements) -> int:
    """How many elements anything is known of."""
    return sum(element.score > 0 for element in elements.values())
