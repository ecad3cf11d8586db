"""What the invented company knows of its larger open deals: MEDDPPICC, command plans, consults.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from services.cli.demo.contacts import champion_of
from services.cli.demo.deals import STAGES, Deal
from services.cli.demo.dice import Dice

KNOWN_DEALS: Final = 48

# From which stage on an element is usually known, and what is said of it.
_ELEMENTS: Final = {
    "identify_pain": (1, "Releases take two days of three teams, and one failed in May."),
    "metrics": (2, "Two days a release are worth 40,000 a year to them."),
    "champion": (2, "Presents us to the other departments without being asked."),
    "competition": (2, "A point tool for testing; doing nothing is the stronger rival."),
    "economic_buyer": (3, "Signs up to 100,000; met once, wants a business case."),
    "decision_criteria": (3, "Self-hosted, single sign-on, moved within a quarter."),
    "decision_process": (3, "Evaluation, security review, board at the end of the month."),
    "partner": (3, "Their integrator runs the migration."),
    "paper_process": (4, "Procurement takes three weeks; legal wants its own terms."),
}
_OVERVIEW: Final = {
    "why_now": "The contract of the old tool ends this year.",
    "why_do_anything": "Twelve tools cost more than one, and nobody sees a release whole.",
    "primary_value_driver": "Faster delivery",
    "solution": "One platform for every team of the department",
    "primary_capability": "Pipelines and security in one place",
    "why_us": "The only one they tested that runs in their own data centre.",
}
_RISKS: Final = (
    "The budget is decided after the quarter ends.",
    "The champion changes department in the autumn.",
    "Security has not looked at it yet.",
)
_STEPS: Final = ("Security review", "Business case with finance", "Order form at procurement")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is written about one deal."""

    deal: str
    account: str
    owner: str
    stage: str
    elements: dict[str, Any]
    plan: dict[str, Any]
    consult: dict[str, Any] | None


def make_known(
    seed: int, scale: float, deals: Iterable[Deal], managers: Mapping[str, str], today: date
) -> tuple[Known, ...]:
    """The largest deals that are open past stage 0. Of every eighth nobody wrote anything yet."""
    open_deals = [(deal.external_id, deal.now) for deal in deals if _is_open(deal.now)]
    open_deals.sort(key=lambda pair: (-Decimal(pair[1].get("amount") or 0), pair[0]))
    wanted = open_deals[: max(6, round(KNOWN_DEALS * scale))]
    return tuple(
        _known(Dice(seed, f"known/{name}"), name, now, managers, today)
        for place, (name, now) in enumerate(wanted)
        if place % 8 != 7
    )


def _is_open(now: Mapping[str, Any]) -> bool:
    return now["stage"] in STAGES[1:] and now["type"] != "professional_services"


def _known(
    dice: Dice, name: str, now: Mapping[str, Any], managers: Mapping[str, str], today: date
) -> Known:
    number = STAGES.index(now["stage"])
    account, owner = now["account_external_id"], now["owner_external_id"]
    plan: dict[str, Any] = {}
    if number >= 2 or dice.happens(0.4):
        texts = dict(_OVERVIEW)
        if dice.happens(0.3):
            del texts[dice.one_of(list(texts))]
        plan["overview"] = texts
    if number >= 3:
        plan["close_plan"] = {
            "steps": list(_steps(dice, number, owner, now["close_date"], today)),
            "risks": dice.one_of(_RISKS),
        }
    if number >= 3 and dice.happens(0.5):
        plan["manager_review"] = {"notes": [_note(dice, owner, today)]}
    return Known(
        deal=name,
        account=account,
        owner=owner,
        stage=now["stage"],
        elements=dict(_elements(dice, number, account)),
        plan=plan,
        consult=_consult(dice, account, managers.get(owner), today)
        if number >= 3 and dice.happens(0.6)
        else None,
    )


def _elements(dice: Dice, number: int, account: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Further on, more is known and confirmed; gaps remain."""
    for element, (usual, text) in _ELEMENTS.items():
        ahead = number - usual
        if ahead < -1 or dice.happens(0.12):
            continue
        score = 1 if ahead < 0 else (3 if dice.happens(0.25 + 0.15 * ahead) else 2)
        known: dict[str, Any] = {"score": score, "evidence": text}
        if element == "champion" and score > 1:
            known["contact_external_id"] = champion_of(account)
        yield element, known


def _steps(
    dice: Dice, number: int, owner: str, close_date: str, today: date
) -> Iterator[dict[str, Any]]:
    last = max(date.fromisoformat(close_date), today + timedelta(days=7))
    for place, title in enumerate(_STEPS):
        days = (last - today).days * (place + 1) // (len(_STEPS) + 1)
        is_done = place < number - 3
        due = today - timedelta(days=4 + place) if is_done else today + timedelta(days=days)
        step = {"title": title, "due_on": due.isoformat(), "owner": owner, "is_done": is_done}
        yield {**step, "done_on": due.isoformat()} if is_done else step
    yield {"title": "Signature", "due_on": last.isoformat(), "owner": "Their CFO"}


def _note(dice: Dice, owner: str, today: date) -> dict[str, Any]:
    return {
        "dated_on": (today - timedelta(days=dice.whole(2, 12))).isoformat(),
        "text": "The case is good; who signs has been met only once.",
        "gaps_and_actions": [
            {
                "what": "A second meeting with the economic buyer",
                "who": owner,
                "due_on": (today + timedelta(days=dice.whole(3, 14))).isoformat(),
            }
        ],
    }


def _consult(dice: Dice, account: str, manager: str | None, today: date) -> dict[str, Any]:
    return {
        "held_on": (today - timedelta(days=dice.whole(2, 25))).isoformat(),
        "context": "Technical fit is agreed; the money is not.",
        "contact_external_ids": [champion_of(account)],
        "why_us": "One platform for all teams",
        "goals": "A way to whoever signs",
        "next_steps": "Business case with finance",
        "participants": [manager] if manager else [],
        "questions": ["Who signs above the usual limit?"],
        "critiques": ["The metrics are hours, not money."],
        "outcome": "The champion takes the business case to finance.",
        "risk_found": dice.one_of(_RISKS),
    }
