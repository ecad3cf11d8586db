"""In which phase of the life cycle an account is, since when, and which record says so. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from services.pipeline.customers.domain import IMPLEMENTATION, Term, phase_ends
from services.pipeline.opportunities.domain import months_after
from services.workspace.policy import Policy

ENGAGE: Final = "engage"
TRANSACT: Final = "transact"
FULFIL: Final = "fulfil"
SUPPORT: Final = "support"
RENEW: Final = "renew"
PHASES: Final = (ENGAGE, TRANSACT, FULFIL, SUPPORT, RENEW)

RENEWAL_DEAL: Final = "renewal"
SALE: Final = "sale"
WAITING: Final = "waiting"
LOST: Final = "lost"
WON: Final = "won"
"""What a deal is to the life cycle: a renewal that is worked on, a sale past stage 0, one that
waits at stage 0, the last one lost, and one won."""

_DAY: Final = timedelta(days=1)
_ABOUT: Final = 5


class Deal(NamedTuple):
    """An opportunity, and since when it is where it is."""

    since: date
    id: UUID | None = None
    external_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A subscription; `onboarded_on` None while its onboarding is open, its first day where it has
    none."""

    term: Term
    recorded_on: date
    onboarded_on: date | None
    id: UUID | None = None
    external_id: str | None = None


class Place(NamedTuple):
    """`record` is the kind of the record that decides: subscription, opportunity or account."""

    phase: str
    since: date
    reason: str
    record: str
    id: UUID | None
    external_id: str | None


def place(
    subscriptions: Sequence[Subscribed],
    deals: Mapping[str, Deal],
    *,
    known_since: date,
    today: date,
    policy: Policy,
) -> Place:
    """The last phase that something speaks for; an account nothing speaks for is to be engaged."""
    running = [each for each in subscriptions if each.term.holds(today)]
    found = (
        _renewing(running, deals, today, policy)
        or _fulfilled(subscriptions, running, deals, today, policy)
        or _supported(running, policy)
    )
    if found is not None:
        return found
    if SALE in deals:
        return _of_deal(TRANSACT, deals[SALE], "a sale past stage 0 is open")
    return _engaged(subscriptions, deals, known_since)


def _of(phase: str, since: date, reason: str, one: Subscribed) -> Place:
    return Place(phase, since, reason, "subscription", one.id, one.external_id)


def _of_deal(phase: str, deal: Deal, reason: str) -> Place:
    return Place(phase, deal.since, reason, "opportunity", deal.id, deal.external_id)


class Borders(NamedTuple):
    """What decides of a subscription on a day, as borders of its first and last days: one that runs
    renews where it ends before `renews_before`; is being implemented where it begins on
    `implements_from` or later, and ends on `implements_until` or later."""

    renews_before: date
    implements_from: date
    implements_until: date


def borders(today: date, policy: Policy) -> Borders:
    """For counting many at once: as `place` decides of each alone."""
    renewal, _, adoption = policy.settings["customers.phase_months"]
    young = policy.number("customers.implementation_months")
    return Borders(
        _first(today, renewal, lambda end: today <= Term(today, end).left(renewal)),
        _first(today, -young, lambda start: today <= months_after(start, young)),
        _first(today, adoption, lambda end: today <= Term(today, end).left(adoption)),
    )


def _first(today: date, months: int, holds: Callable[[date], bool]) -> date:
    """The first day from which it holds, which is about so many months from today: months are not
    of one length, so it is looked for."""
    about = months_after(today, months)
    days = (about + timedelta(days=days) for days in range(-_ABOUT, _ABOUT + 1))
    return next(day for day in days if holds(day))


def _earliest(places: Sequence[Place]) -> Place | None:
    return min(places, key=lambda each: each.since, default=None)


def _renewing(
    running: Sequence[Subscribed], deals: Mapping[str, Deal], today: date, policy: Policy
) -> Place | None:
    months = policy.settings["customers.phase_months"][0]
    places = [
        _of(RENEW, max(each.term.left(months) + _DAY, each.term.start), "its end is near", each)
        for each in running
        if today > each.term.left(months)
    ]
    if RENEWAL_DEAL in deals:
        places.append(_of_deal(RENEW, deals[RENEWAL_DEAL], "its renewal is being worked on"))
    return _earliest(places)


def _implemented_on(one: Subscribed, policy: Policy) -> date:
    """The first day after the phase of implementation."""
    return max(phase_ends(one.term, policy)[IMPLEMENTATION] + _DAY, one.term.start)


def _fulfilled(
    subscriptions: Sequence[Subscribed],
    running: Sequence[Subscribed],
    deals: Mapping[str, Deal],
    today: date,
    policy: Policy,
) -> Place | None:
    places = [
        _of(FULFIL, each.term.start, "it is being taken into use", each)
        for each in running
        if each.onboarded_on is None or today < _implemented_on(each, policy)
    ]
    places += [
        _of(FULFIL, each.recorded_on, "it is bought and begins later", each)
        for each in subscriptions
        if each.term.start > today
    ]
    if not places and not subscriptions and WON in deals:
        return _of_deal(FULFIL, deals[WON], "it is won, and no subscription is known yet")
    return _earliest(places)


def _supported(running: Sequence[Subscribed], policy: Policy) -> Place | None:
    return _earliest(
        [
            _of(
                SUPPORT,
                max(_implemented_on(each, policy), each.onboarded_on or each.term.start),
                "it is in use",
                each,
            )
            for each in running
        ]
    )


def _engaged(
    subscriptions: Sequence[Subscribed], deals: Mapping[str, Deal], known_since: date
) -> Place:
    """Since what ended last: a deal that was lost or a subscription that ran out."""
    places = [_of(ENGAGE, each.term.end + _DAY, "it has ended", each) for each in subscriptions]
    if LOST in deals:
        places.append(_of_deal(ENGAGE, deals[LOST], "it was lost"))
    if places:
        return max(places, key=lambda each: each.since)
    if WAITING in deals:
        return _of_deal(ENGAGE, deals[WAITING], "it waits at stage 0")
    return Place(ENGAGE, known_since, "no deal is open", "account", None, None)
