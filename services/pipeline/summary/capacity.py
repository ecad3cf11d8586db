"""How many deals a salesperson has room for.

Pure. A book of so many active deals that each stay so many months takes in active ÷ months new ones
a month. The policy's numbers are the procedure's assumption; beside them stands the same sum with
what really happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from services.pipeline.summary.histograms import Days, text
from services.workspace.policy import Policy

_MONTH: Final = Decimal("30.4375")
"""Days of a month, over four years."""
_PLACES: Final = Decimal("0.01")


def months_between(first: date, last: date) -> Decimal:
    """Both days are in it."""
    return Decimal((last - first).days + 1) / _MONTH


def report(
    policy: Policy,
    won: Days,
    pipe: Days,
    wins: Mapping[str, Any],
    active: int,
    accepted: int,
    people: int,
    months: Decimal,
) -> dict[str, Any]:
    """The formula with the policy's numbers and with actual ones."""
    places = Decimal(policy.number("capacity.active_deals"))
    assumed_months = Decimal(policy.number("capacity.months_in_pipe"))
    assumed_rate = Decimal(policy.number("capacity.win_percent")) / 100
    in_pipe = None if pipe.average is None else pipe.average / _MONTH
    win_rate = None if wins["win_rate"] is None else Decimal(wins["win_rate"])
    return {
        "assumed": {
            "days_to_close": policy.number("capacity.days_to_close"),
            "win_rate": f"{assumed_rate:.4f}",
            "months_in_pipe": _told(assumed_months),
            "active_deals_per_rep": int(places),
            **_room(places, assumed_months, assumed_rate),
        },
        "actual": {
            "days_to_close": won.to_json(),
            "win_rate": wins["win_rate"],
            "won": wins["won"],
            "lost": wins["lost"],
            "months_in_pipe": _told(in_pipe),
            "reps": people,
            "active_deals": active,
            "active_deals_per_rep": _told(_ratio(Decimal(active), Decimal(people))),
            "accepted_per_rep_and_month": _told(_ratio(Decimal(accepted), people * months)),
            # A full book, moving as fast as deals really do.
            **_room(places, in_pipe, win_rate),
        },
    }


def load(policy: Policy, active: int, accepted: int, months: Decimal) -> dict[str, Any]:
    """One person's; `room` is negative for somebody with more than a full book."""
    places = policy.number("capacity.active_deals")
    return {
        "active_deals": active,
        "room": places - active,
        "accepted_per_month": _told(Decimal(accepted) / months),
    }


def _room(
    places: Decimal, months: Decimal | None, win_rate: Decimal | None
) -> dict[str, str | None]:
    accepted = None if months is None else _ratio(places, months)
    wins = None if accepted is None or win_rate is None else accepted * win_rate
    return {"capacity_per_rep_and_month": _told(accepted), "wins_per_rep_and_month": _told(wins)}


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return part / whole if whole else None


def _told(value: Decimal | None) -> str | None:
    return None if value is None else text(value.quantize(_PLACES, ROUND_HALF_UP))
