"""Meetings of the invented company: qualification calls, talks about its larger deals, and those to
come. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from services.cli.demo.company import Account
from services.cli.demo.contacts import champion_of
from services.cli.demo.dice import Dice
from services.cli.demo.evidence import Known
from services.cli.demo.leads import Lead, moment

CUSTOMER_CALLS: Final = 26

_OF_STAGE: Final = {
    "discovery": ("discovery", "Discovery with", "recognises_need"),
    "scoping": ("discovery", "Scope and seats at", "explores_options"),
    "technical_evaluation": ("technical", "Evaluation with", "evaluates_solutions"),
    "proposal": ("demo", "Proposal to", "evaluates_solutions"),
    "negotiating": ("review", "Terms with", "resolves_concerns"),
    "awaiting_signature": ("review", "Last questions of", "buys"),
}
_ANSWERS: Final = (
    ("identify_pain.nothing_done", "Another year of weekends spent on releases."),
    ("metrics.cost_today", "About 180,000 in licences, and two people of upkeep."),
    ("decision_process.steps", "Evaluation, then security, then the board."),
    ("competition.alternatives", "A point tool, and leaving it as it is."),
    ("champion.introduction", "I can bring you together with the head of security."),
    ("paper_process.route", "Procurement first, then legal: three weeks."),
)
_MOMENTS: Final = (
    ("Saw a failing pipeline explained in a minute", "Wants it for every team"),
    ("Did the sum of their own release days aloud", "Asked for a business case"),
    ("Heard from a customer of the same industry", "Invited two more departments"),
)
_AGENDA: Final = {
    "objectives": ["Agree on the next step and its date"],
    "items": [
        {"topic": "Where you are today", "question_ids": ["identify_pain.why_now"]},
        {"topic": "How others did it", "case_study": "A company of your industry"},
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """A calendar's entry, what came of it, and how it is prepared."""

    external_id: str
    fields: dict[str, Any]
    outcome: dict[str, Any] | None = None
    preparation: dict[str, Any] | None = None
    review: dict[str, Any] | None = None

    def to_json(self) -> dict[str, object]:
        return {"external_id": self.external_id, **self.fields}


def make_meetings(
    seed: int,
    scale: float,
    accounts: tuple[Account, ...],
    leads: Iterable[Lead],
    known: Iterable[Known],
    customers: frozenset[str],
    today: date,
) -> tuple[Meeting, ...]:
    """First meetings with leads, qualification calls with customers, talks about deals."""
    by_id = {account.external_id: account for account in accounts}
    return (
        *(_first_meeting(seed, lead, today) for lead in leads if lead.story in _MET),
        *_customer_calls(seed, scale, accounts, customers, today),
        *(one for deal in known for one in _about_deal(seed, deal, by_id[deal.account], today)),
    )


_MET: Final = ("qualifying", "converted")


def _first_meeting(seed: int, lead: Lead, today: date) -> Meeting:
    dice = Dice(seed, f"first-meeting/{lead.external_id}")
    fields = {
        "subject": f"Qualification call with {lead.fields['company']}",
        "kind": "iqm",
        "lead_external_id": lead.external_id,
        "owner_external_id": lead.fields["owner_external_id"],
        "team": [lead.fields["sdr_external_id"]],
        "duration_minutes": 45,
        "buyer_stage": "recognises_need",
    }
    if lead.evidence is None and dice.happens(0.5):
        when = today + timedelta(days=dice.whole(1, 9))
        return _upcoming(f"iqm-{lead.external_id}", fields, when, lead.fields["region"])
    if lead.evidence is not None:
        held = date.fromisoformat(lead.evidence["timing"]["iqm_date"])
    else:
        held = today - timedelta(days=dice.whole(1, 5))
    at = moment(held, lead.fields["region"], 90)
    outcome: dict[str, Any] = {
        "held_at": at,
        "notes": "They know the problem well and want a number for it.",
        "next_step": "Discovery with the platform team",
        "answers": [{"question_id": "identify_pain.why_now", "answer": "A release failed in May.",
                     "score": 2}],
    }  # fmt: skip
    if lead.evidence is None and dice.happens(0.25):
        outcome = {"no_show": True}
    return Meeting(
        external_id=f"iqm-{lead.external_id}",
        fields={**fields, "scheduled_at": at},
        outcome=outcome,
    )


def _upcoming(
    name: str, fields: dict[str, Any], when: date, region: str, persona: str | None = None
) -> Meeting:
    """Prepared where it says whom one will meet."""
    preparation = None
    if persona is not None:
        preparation = {
            "checks": {
                "site": {"note": "Growth in two regions; a new plant next year."},
                "profile": {"note": "Came from operations; thinks in lead times."},
            },
            "pre_call_questions": ["Who else has to say yes?"],
            "call_plan": {
                "objectives": ["Learn how they decide"],
                "researched": [{"persona": persona, "kind": "initiative", "text": "Fewer tools"}],
            },
            "agenda": _AGENDA,
        }
    at = moment(when, region, 120)
    return Meeting(external_id=name, fields={**fields, "scheduled_at": at}, preparation=preparation)


def _customer_calls(
    seed: int,
    scale: float,
    accounts: tuple[Account, ...],
    customers: frozenset[str],
    today: date,
) -> Iterator[Meeting]:
    """Calls with those who have bought already, about more of it."""
    called = [account for account in accounts if account.external_id in customers]
    for account in called[: max(3, round(CUSTOMER_CALLS * scale))]:
        dice = Dice(seed, f"customer-call/{account.number}")
        held = today - timedelta(days=dice.whole(1, 75))
        at = moment(held, account.region, 60)
        fields = {
            "subject": f"Qual: more seats at {account.name}",
            "kind": "other",
            "account_external_id": account.external_id,
            "owner_external_id": account.owner,
            "attendees": [{"contact_external_id": champion_of(account.external_id)}],
            "scheduled_at": at,
        }
        outcome: dict[str, Any] = {"held_at": at, "notes": "Two more teams are interested."}
        if dice.happens(0.12):
            outcome = {"no_show": True}
        yield Meeting(external_id=f"qual-{account.external_id}", fields=fields, outcome=outcome)


def _about_deal(seed: int, deal: Known, account: Account, today: date) -> Iterator[Meeting]:
    dice = Dice(seed, f"meetings/{deal.deal}")
    kind, subject, buyer_stage = _OF_STAGE[deal.stage]
    fields = {
        "subject": f"{subject} {account.name}",
        "kind": kind,
        "opportunity_external_id": deal.deal,
        "owner_external_id": deal.owner,
        "attendees": [{"contact_external_id": champion_of(account.external_id)}],
        "buyer_stage": buyer_stage,
        "duration_minutes": 60,
    }
    held = today - timedelta(days=dice.whole(2, 28))
    at = moment(held, account.region, 150)
    question, answer = dice.one_of(_ANSWERS)
    outcome: dict[str, Any] = {
        "held_at": at,
        "notes": "Good talk; the next step is agreed.",
        "next_step": "Send what was promised",
        "next_step_date": (today + timedelta(days=dice.whole(2, 15))).isoformat(),
        "answers": [{"question_id": question, "answer": answer}],
    }
    if dice.happens(0.4):
        what, impact = dice.one_of(_MOMENTS)
        outcome["moments_that_matter"] = [{"what": what, "impact": impact}]
    review = None
    if dice.happens(0.2):
        critiques = ["Too many slides before the first question."]
        review = {"reviewer": deal.owner, "input": "Ask for the date.", "critiques": critiques}
    yield Meeting(
        external_id=f"held-{deal.deal}",
        fields={**fields, "scheduled_at": at},
        outcome=outcome,
        review=review,
    )
    if dice.happens(0.5):
        when = today + timedelta(days=dice.whole(0, 12))
        persona = "technology_leader" if dice.happens(0.5) else None
        yield _upcoming(f"next-{deal.deal}", fields, when, account.region, persona)
