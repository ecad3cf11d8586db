"""What decides about command plans: what must be filled in, what is missing, and what is stale.

Pure: no database, no clock. Thresholds are the policy's; an opportunity that is closed needs
nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from services.qualification.evidence.domain import Deal, Elements, stage_number
from services.qualification.plans.sections import OVERVIEW_FIELDS, Sections
from services.workspace.policy import Policy

EXEMPT_NAME: Final = "channel-managed"
"""In the name of an opportunity that a partner runs: no plan is asked for."""

OVERVIEW: Final = "overview"
MEDDPPICC: Final = "meddppicc"
CLOSE_PLAN: Final = "close_plan"


class Rule(NamedTuple):
    """Why a section must be filled in: a stable code and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Requirement:
    """A section that must be filled in, by which rules, and what of it is missing."""

    section: str
    rules: tuple[Rule, ...]
    missing: tuple[str, ...]

    @property
    def is_met(self) -> bool:
        return not self.missing


def is_exempt(deal: Deal) -> bool:
    return EXEMPT_NAME in deal.name.lower()


def required_sections(
    deal: Deal, at_stage: int | None, policy: Policy
) -> dict[str, tuple[Rule, ...]]:
    """The sections that must be filled in at a stage, each with every rule that says so."""
    if at_stage is None or is_exempt(deal):
        return {}
    found: dict[str, list[Rule]] = {}
    from_stage = policy.number("plan.overview_from_stage")
    if at_stage >= from_stage:
        rule = Rule("every_deal_from_stage", f"Every deal from stage {from_stage} on.")
        found.setdefault(OVERVIEW, []).append(rule)
    full = _threshold(policy, "plan.full", deal.segment)
    if full is not None and deal.net_arr >= full:
        rule = Rule("net_arr", f"Net ARR of {full} and more in {deal.segment}.")
        for section in (OVERVIEW, MEDDPPICC, CLOSE_PLAN):
            found.setdefault(section, []).append(rule)
    commercial = _threshold(policy, "commercial.overview_amount", deal.segment)
    if commercial is not None and deal.amount is not None and deal.amount >= commercial:
        rule = Rule("amount", f"An amount of {commercial} and more in {deal.segment}.")
        for section in (OVERVIEW, CLOSE_PLAN):
            found.setdefault(section, []).append(rule)
    return {section: tuple(rules) for section, rules in found.items()}


def _threshold(policy: Policy, setting: str, segment: str) -> Decimal | None:
    value = policy.by_segment(setting, segment)
    return None if value is None else Decimal(str(value))


def missing_of(sections: Sections, elements: Elements) -> dict[str, tuple[str, ...]]:
    """What each section still lacks to count as filled in: a field of the overview that is empty,
    an element nothing is known of, a close plan without a step."""
    overview = sections[OVERVIEW]
    return {
        OVERVIEW: tuple(name for name in OVERVIEW_FIELDS if overview[name] is None),
        MEDDPPICC: tuple(name for name, element in elements.items() if element.score == 0),
        CLOSE_PLAN: () if sections[CLOSE_PLAN]["steps"] else ("steps",),
    }


def requirements(
    deal: Deal,
    at_stage: int | None,
    missing: Mapping[str, tuple[str, ...]],
    policy: Policy,
) -> list[Requirement]:
    """In the order of the plan."""
    return [
        Requirement(section, rules, missing[section])
        for section, rules in required_sections(deal, at_stage, policy).items()
    ]


@dataclass(frozen=True, slots=True)
class Staleness:
    """Since when a plan is behind what happens, and why; `since` is None where it is not."""

    since: datetime | None
    reasons: tuple[Rule, ...]

    @property
    def is_stale(self) -> bool:
        return self.since is not None


FRESH: Final = Staleness(None, ())


def staleness(
    deal: Deal,
    *,
    touched_at: datetime | None,
    met_at: datetime | None,
    is_required: bool,
    now: datetime,
    policy: Policy,
) -> Staleness:
    """A plan goes stale when it was not touched since the last meeting, or for some days: fewer
    from a late stage on. One nobody began is judged from the opportunity's beginning, and only
    where something must be filled in."""
    number = stage_number(deal.stage)
    if number is None or is_exempt(deal) or (touched_at is None and not is_required):
        return FRESH
    begun_at = touched_at or deal.created_at
    days = stale_days(number, policy)
    due_at = begun_at + timedelta(days=days)
    found: list[tuple[datetime, Rule]] = []
    if met_at is not None and (touched_at is None or met_at > touched_at) and met_at <= now:
        rule = Rule("not_touched_since_meeting", "Nobody wrote in it since the last meeting.")
        found.append((met_at, rule))
    if due_at <= now:
        message = f"Nobody wrote in it for {days} days, the most there may be at this stage."
        found.append((due_at, Rule("not_touched_for_days", message)))
    if not found:
        return FRESH
    return Staleness(min(since for since, _ in found), tuple(rule for _, rule in found))


def stale_days(number: int, policy: Policy) -> int:
    is_late = number >= policy.number("plan.late_from_stage")
    return policy.number("plan.stale_days_late" if is_late else "plan.stale_days")


def measures(sections: Sections, elements: Mapping[str, Any]) -> dict[str, int]:
    """How much of each section is filled in; stored, so that lists need not open every plan."""
    return {
        "overview_filled": sum(sections[OVERVIEW][name] is not None for name in OVERVIEW_FIELDS),
        "elements_filled": sum(bool(element["score"]) for element in elements.values()),
        "step_count": len(sections[CLOSE_PLAN]["steps"]),
    }
