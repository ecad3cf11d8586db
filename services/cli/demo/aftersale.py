"""How much the invented company's customers use what they bought, what they ask, and how the
company describes and reviews its own selling. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, Final

from services.cli.demo.book import Subscription
from services.cli.demo.company import Organisation
from services.cli.demo.dice import Dice

_EVERY_DAYS: Final = 15
_MEASURED_DAYS: Final = 120
# Of every hundred customers so many have such a habit; use is a share of the seats bought.
_HABITS: Final = {"settled": 0.5, "growing": 0.2, "full": 0.12, "falling": 0.1, "unused": 0.08}

KNOWN_ISSUES: Final = (
    {
        "external_id": "runner-offline",
        "title": "Pipelines wait although runners are free",
        "problem": "Jobs stay pending after the network of the runners was changed.",
        "answer": "Register the runners again; their old address is kept for a day.",
    },
    {
        "external_id": "single-sign-on",
        "title": "New colleagues cannot sign in",
        "problem": "The group of the directory is not mapped to a role.",
        "answer": "Map it under Settings, Single sign-on, and ask them to try once more.",
    },
    {
        "external_id": "slow-clone",
        "title": "Cloning a large repository is slow",
        "problem": "Binary files of ten years are in its history.",
        "answer": None,
    },
)

_COMPONENTS: Final[dict[str, dict[str, Any]]] = {
    "business_models": {
        "summary": "Yearly subscriptions by seat, in two tiers; services at cost.",
        "items": [
            {"kind": "pricing", "name": "Premium", "detail": "348 a seat and year"},
            {"kind": "pricing", "name": "Ultimate", "detail": "1,188 a seat and year"},
            {
                "kind": "discounting",
                "name": "Volume",
                "detail": "From 500 seats, approved by sales",
            },
        ],
    },
    "sales_channels": {
        "summary": "Direct; through resellers in regulated trades; programmes of cloud providers.",
        "items": [
            {"kind": "channel", "name": "Direct"},
            {"kind": "channel", "name": "Resellers", "detail": "Recruited and enabled by region"},
        ],
    },
    "customer_segmentation": {
        "summary": "By head count, region, trade, buying role and use case.",
        "items": [{"kind": "dimension", "name": "Head count of the account family"}],
    },
    "sales_process": {
        "summary": "Eight stages, each with what it needs before it may be left.",
        "items": [{"kind": "process", "name": "Stages and gates"}],
    },
    "demand_generation": {
        "summary": "Trade shows, workshops at customers, webinars; leads are answered in an hour.",
        "items": [{"kind": "programme", "name": "Workshops at early adopters"}],
    },
}
"""Compensation is not written down yet, so that the report has something to find."""

REVIEWS: Final = (
    ("metrics-monthly", "Metrics across functions", "metrics", "monthly"),
    ("alignment-quarterly", "Alignment of the team", "alignment", "quarterly"),
    ("value-drivers-annual", "Value drivers of the business", "value_drivers", "annual"),
)


def make_usage(
    seed: int, subscriptions: Iterable[Subscription], today: date
) -> tuple[dict[str, Any], ...]:
    """Readings of what runs now, oldest first; ready to be sent."""
    found = [
        reading
        for subscription in subscriptions
        if subscription.start < today <= subscription.end
        for reading in _readings(
            Dice(seed, f"usage/{subscription.external_id}"), subscription, today
        )
    ]
    found.sort(key=lambda reading: (reading["measured_on"], reading["subscription_external_id"]))
    return tuple(found)


def _readings(dice: Dice, subscription: Subscription, today: date) -> Iterator[dict[str, Any]]:
    habit = dice.weighted(_HABITS)
    level = dice.between(0.45, 0.75)
    first = max(subscription.start, today - timedelta(days=_MEASURED_DAYS))
    days = range(1, (today - first).days + 1, _EVERY_DAYS)
    for place, ago in enumerate(reversed(days)):
        share = _share(habit, level, place, len(days)) * dice.between(0.97, 1.03)
        yield {
            "subscription_external_id": subscription.external_id,
            "measured_on": (today - timedelta(days=ago)).isoformat(),
            "active_users": max(0, round(share * subscription.seats)),
        }


def _share(habit: str, level: float, place: int, count: int) -> float:
    """Of the seats, at one of `count` places in time."""
    run = place / max(1, count - 1)
    match habit:
        case "growing":
            return level + 0.3 * run
        case "full":
            return 0.92 + 0.15 * run
        case "falling":
            return level * (1.0 if run < 0.7 else 0.55)
        case "unused":
            return 0.05
    return level


def make_components(organisation: Organisation, today: date) -> dict[str, dict[str, Any]]:
    """What is said of the components of the sales operation, by component."""
    said = {"owner_external_id": organisation.head.external_id}
    reviewed = {"reviewed_on": (today - timedelta(days=40)).isoformat()}
    return {name: {**said, **reviewed, **body} for name, body in _COMPONENTS.items()}


def make_reviews(today: date) -> tuple[dict[str, Any], ...]:
    """The first one falls due today, so that its snapshot is there to look at."""
    return tuple(
        {
            "external_id": external_id,
            "name": name,
            "kind": kind,
            "cadence": cadence,
            "next_on": (today + timedelta(days=30 * place)).isoformat(),
            "functions": ["sales", "marketing", "finance", "customer success"],
        }
        for place, (external_id, name, kind, cadence) in enumerate(REVIEWS)
    )
