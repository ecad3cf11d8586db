"""Which kinds of engagement suit a territory, and why.

Pure. Where nobody uses the product yet, a point of entry has to be made; where some do, there is
something to grow from. A kind that goes with a route to market is for those who buy by that route.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from services.qualification.engagement.kinds import ENTRY, GROWTH, KINDS, Kind

_ROUTES: Final = {"direct": "directly", "channel": "through the channel", "programs": "by programs"}


class Organisation(NamedTuple):
    """As the map of the territory has it. `users`: green divisions; `others`: those that could use
    the product and do not yet."""

    external_id: str
    route_to_market: str | None
    users: int
    others: int

    @property
    def needs_entry(self) -> bool:
        return self.users == 0 and self.others > 0

    @property
    def can_grow(self) -> bool:
        return self.users > 0 and self.others > 0


class Reason(NamedTuple):
    """A stable code and a sentence."""

    code: str
    message: str


@dataclass(slots=True)
class Suggestion:
    """A kind, the organisations it would be for, and why. `serves` says which purpose it serves
    here; one kind may serve both."""

    kind: Kind
    serves: list[str] = field(default_factory=list)
    organisations: list[str] = field(default_factory=list)
    reasons: list[Reason] = field(default_factory=list)


def suggest(organisations: Sequence[Organisation]) -> list[Suggestion]:
    """The kinds that suit, those for most organisations first, else in the catalogue's order."""
    found = [suggestion for kind in KINDS.values() if (suggestion := _of(kind, organisations))]
    return sorted(found, key=lambda suggestion: -len(suggestion.organisations))


def _of(kind: Kind, organisations: Sequence[Organisation]) -> Suggestion | None:
    reached = [
        each for each in organisations if not kind.routes or each.route_to_market in kind.routes
    ]
    suggestion = Suggestion(kind)
    entry = [each for each in reached if each.needs_entry and ENTRY in kind.serves]
    growth = [each for each in reached if each.can_grow and GROWTH in kind.serves]
    if entry:
        suggestion.serves.append(ENTRY)
        message = f"{_count(entry)} a point of entry: somebody could use the product, nobody does."
        suggestion.reasons.append(Reason("point_of_entry_needed", message))
    if growth:
        suggestion.serves.append(GROWTH)
        message = f"{_count(growth)} to grow: some divisions use the product, others could."
        suggestion.reasons.append(Reason("users_to_grow_from", message))
    if not suggestion.serves:
        return None
    suggestion.organisations = [each.external_id for each in (*entry, *growth)]
    suggestion.reasons += _routes(kind, (*entry, *growth))
    return suggestion


def _count(organisations: Sequence[Organisation]) -> str:
    number = len(organisations)
    return "1 organisation needs" if number == 1 else f"{number} organisations need"


def _routes(kind: Kind, organisations: Iterable[Organisation]) -> list[Reason]:
    if not kind.routes:
        return []
    routes = {each.route_to_market for each in organisations}
    words = [words for route, words in _ROUTES.items() if route in routes]
    return [Reason("route_to_market", f"They buy {' or '.join(words)}.")]
