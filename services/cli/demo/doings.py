"""What the invented company's salespeople did about their deals lately, and have planned: calls,
mails, meetings, demos. Some deals are well looked after, some are left alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from services.cli.demo.contacts import champion_of
from services.cli.demo.deals import LOST, STAGES, WON, Deal
from services.cli.demo.dice import Dice
from services.kit import clock

_DAYS: Final = 75
_CLOSED_DAYS: Final = 30
_EARLY: Final = ("pending_acceptance", "discovery", "scoping")

_CALLS: Final = (
    ("Call about the trial", "The pipelines run; the security scans are next."),
    ("Call about the timeline", "They want to be live before their audit."),
    ("Call with the sponsor", "The budget is there; who signs is open."),
    ("Voicemail", None),
)
_MAILS: Final = (
    ("Notes of our meeting", "Agreed: a list of repositories and a date for the workshop."),
    ("The case study you asked for", "From a company of the same trade."),
    ("Questions of your security team", "All answered but the one about logs."),
)
_MEETINGS: Final = (
    ("Workshop on scope", "Three teams, forty people; the release takes two days today."),
    ("Review of the evaluation", "Two of three criteria met; the third next week."),
    ("Walk through the proposal", "The seats fit; procurement wants two years."),
)
_OBJECTIONS: Final = (
    ("Too expensive against the tools they have", "Twelve licences and two people to run them."),
    ("The move takes too long", "The last one of this size took six weeks."),
)
_RESOURCES: Final = (
    ("Guide to moving pipelines", "https://resources.example/moving-pipelines"),
    ("Security overview", "https://resources.example/security"),
)


def make_doings(seed: int, deals: Iterable[Deal], today: date) -> tuple[dict[str, Any], ...]:
    """Of every deal that is open, or closed lately; oldest first, ready to be sent."""
    found = [
        doing
        for deal in deals
        if _matters(deal, today)
        for doing in _of(Dice(seed, f"doings/{deal.external_id}"), deal, today)
    ]
    return tuple(sorted(found, key=lambda doing: (doing["occurred_at"], doing["external_id"])))


def _matters(deal: Deal, today: date) -> bool:
    now = deal.now
    if now["type"] == "professional_services":
        return False
    if now["stage"] in STAGES:
        # A renewal at stage 0 is one nobody has worked on.
        return now["type"] != "renewal" or now["stage"] != STAGES[0]
    last = deal.steps[-1].at.date()
    return now["stage"] in (WON, LOST) and (today - last).days <= _CLOSED_DAYS


def _of(dice: Dice, deal: Deal, today: date) -> Iterator[dict[str, Any]]:
    now = deal.now
    began = max(deal.steps[0].at.date() + timedelta(days=1), today - timedelta(days=_DAYS))
    ended = today - timedelta(days=1)
    if now["stage"] not in STAGES:
        ended = deal.steps[-1].at.date()
    elif dice.happens(0.3):
        # Left alone for a while.
        ended -= timedelta(days=dice.whole(9, 40))
    numbers = iter(range(1, 1000))
    for day, fields in _doings(dice, now, began, ended):
        yield _told(dice, deal, next(numbers), day, fields)
    if now["stage"] in STAGES and dice.happens(0.55):
        yield _planned(dice, deal, today)


def _doings(
    dice: Dice, now: Mapping[str, Any], began: date, ended: date
) -> Iterator[tuple[date, dict[str, Any]]]:
    """Something every week or so, from one day to another."""
    day = _workday(began)
    if day > ended:
        return
    yield day, _qualification(dice, now)
    while (day := _workday(day + timedelta(days=dice.whole(4, 11)))) <= ended:
        yield day, _doing(dice, now)
    if now["stage"] == LOST and dice.happens(0.6):
        text = {"subject": "Shall we close this for now?", "body": "No answer to four mails."}
        yield _workday(ended, -1), {"kind": "breakup_email", "direction": "outbound", **text}


def _qualification(dice: Dice, now: Mapping[str, Any]) -> dict[str, Any]:
    subject = "Qualification call"
    if now["type"] != "new_business":
        subject = f"Qual call about {dice.one_of(('more seats', 'an uptier'))}"
    return {
        "kind": "call",
        "direction": "outbound",
        "subject": subject,
        "body": "A need this year, a budget, and somebody who decides.",
        "outcome": "connected",
        "duration_minutes": dice.whole(15, 45),
    }


def _doing(dice: Dice, now: Mapping[str, Any]) -> dict[str, Any]:
    usual = {"call": 4.0, "email": 4.0, "meeting": 2.0, "documentation": 1.0, "social": 0.5}
    if now["stage"] not in _EARLY:
        usual |= {"demo": 1.0, "objection": 0.7}
    kind = dice.weighted(usual)
    if kind in ("call", "email", "meeting"):
        return _talk(dice, kind)
    if kind == "demo":
        return {
            "kind": kind,
            "subject": "Demo for the platform team",
            "body": "They asked for the same with their own repository.",
            "outcome": "held",
            "details": {"what_was_shown": "A pipeline with security scans, from commit to release"},
        }
    if kind == "objection":
        objection, response = dice.one_of(_OBJECTIONS)
        details = {"objection": objection, "state": "open"}
        if dice.happens(0.7):
            details |= {"response": response, "state": "handled"}
        return {"kind": kind, "subject": "Objection", "details": details}
    if kind == "documentation":
        resource, url = dice.one_of(_RESOURCES)
        details = {"resource": resource, "url": url}
        return {"kind": kind, "direction": "outbound", "subject": resource, "details": details}
    return {"kind": kind, "direction": "outbound", "subject": "Congratulated on their release"}


def _talk(dice: Dice, kind: str) -> dict[str, Any]:
    subject, body = dice.one_of({"call": _CALLS, "email": _MAILS, "meeting": _MEETINGS}[kind])
    fields: dict[str, Any] = {"kind": kind, "subject": subject}
    if kind != "meeting":
        fields["direction"] = "outbound" if dice.happens(0.7) else "inbound"
    # Now and then nobody writes down what was said.
    if body is not None and dice.happens(0.85):
        fields["body"] = body
    if kind == "meeting":
        fields["outcome"] = "held"
    elif kind == "call":
        fields["outcome"] = "connected" if body is not None else "left_message"
    return fields


def _planned(dice: Dice, deal: Deal, today: date) -> dict[str, Any]:
    day = _workday(today + timedelta(days=dice.whole(1, 14)))
    subject = "Qualification meeting" if deal.now["stage"] == STAGES[0] else "Next meeting"
    return _told(dice, deal, 0, day, {"kind": "meeting", "subject": subject, "state": "planned"})


def _told(
    dice: Dice, deal: Deal, number: int, day: date, fields: Mapping[str, Any]
) -> dict[str, Any]:
    now = deal.now
    at = datetime.combine(day, time(dice.whole(8, 16), 15 * dice.whole(0, 3)), UTC)
    return {
        "external_id": f"{deal.external_id}-act-{number}",
        "opportunity_external_id": deal.external_id,
        "user_external_id": now["owner_external_id"],
        "contact_external_ids": [champion_of(now["account_external_id"])],
        "occurred_at": clock.isoformat(at),
        **fields,
    }


def _workday(day: date, step: int = 1) -> date:
    """The day, or the next one (before, for -1) that is not of a weekend."""
    while day.weekday() > 4:
        day += timedelta(days=step)
    return day
