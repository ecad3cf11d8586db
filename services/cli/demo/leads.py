"""Leads of the invented company: people who asked, or were asked, and how far they are. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from services.cli.demo.company import Account, Organisation
from services.cli.demo.dice import Dice
from services.cli.demo.names import FIRST_NAMES, LAST_NAMES, LEAD_SOURCES, TITLES, USE_CASES

LEADS: Final = 90
CONVERTED: Final = 8

_STATUSES: Final = {
    "raw": 0.14,
    "inquiry": 0.2,
    "mql": 0.18,
    "pql": 0.05,
    "accepted": 0.12,
    "qualifying": 0.11,
    "recycle": 0.12,
    "disqualified": 0.08,
}
_PERSONAS: Final = (
    "technology_leader",
    "business_application_leader",
    "security_leader",
    "coo_cxo_leader",
    "financial_leader",
)


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead; where `evidence` is given it is tested with it and handed over."""

    external_id: str
    fields: dict[str, Any]
    evidence: dict[str, Any] | None = None

    def to_json(self) -> dict[str, object]:
        return {"external_id": self.external_id, **self.fields}


def make_leads(
    seed: int,
    scale: float,
    organisation: Organisation,
    accounts: tuple[Account, ...],
    today: date,
) -> tuple[Lead, ...]:
    """The first few are on their way to become opportunities."""
    return tuple(
        _lead(Dice(seed, f"lead/{number}"), number, organisation, accounts, today)
        for number in range(max(CONVERTED, round(LEADS * scale)))
    )


def _lead(
    dice: Dice,
    number: int,
    organisation: Organisation,
    accounts: tuple[Account, ...],
    today: date,
) -> Lead:
    account = accounts[(number * 7) % len(accounts)]
    first, last = dice.one_of(FIRST_NAMES), dice.one_of(LAST_NAMES)
    is_converted = number < CONVERTED
    status = "qualifying" if is_converted else dice.weighted(_STATUSES)
    host = account.name.lower().replace(" ", "-")
    fields: dict[str, Any] = {
        "name": f"{first} {last}",
        "email": f"{first}.{last}@{host}.example".lower(),
        "title": dice.one_of(TITLES),
        "company": account.name,
        "account_external_id": account.external_id,
        "employees": account.employees,
        "region": account.region,
        "source_kind": dice.weighted(
            {"inbound": 0.5, "outbound": 0.3, "self_serve": 0.1, "partner": 0.1}
        ),
        "source": dice.one_of(LEAD_SOURCES),
        "use_case": dice.one_of(USE_CASES),
        "seats": dice.whole(5, 200),
        "persona": dice.one_of(_PERSONAS),
        "status": status,
        "score": dice.whole(100, 180)
        if status in ("mql", "accepted", "qualifying")
        else dice.whole(0, 99),
        "sdr_external_id": dice.one_of(organisation.sdrs[account.region]),
    }
    if status in ("accepted", "qualifying"):
        fields["owner_external_id"] = account.owner
    evidence = _evidence(dice, number, today) if is_converted else None
    return Lead(f"lead-{number + 1:04}", fields, evidence)


def _evidence(dice: Dice, number: int, today: date) -> dict[str, Any]:
    """Every fourth one has its next step too far away: it converts, and waits at stage 0."""
    held = today - timedelta(days=dice.whole(1, 6))
    following = held + timedelta(days=75 if number % 4 == 3 else dice.whole(5, 40))
    return {
        "authority": {"buying_role": dice.one_of(("evaluator", "decision_maker"))},
        "initiative": {
            "kind": "top_2_priority",
            "shown_by": [dice.one_of(("business_problem", "strategic_direction", "modernisation"))],
        },
        "fit": {
            "current_tools": [dice.one_of(("Jenkins", "Subversion", "Jira", "CircleCI"))],
            "new_account_or_buying_group": True,
        },
        "timing": {"iqm_date": held.isoformat(), "next_step_date": following.isoformat()},
    }
