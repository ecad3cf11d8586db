"""Command plans as their answers. Pure: what is looked up is given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.qualification.evidence import domain as evidence
from services.qualification.evidence.answer import evidence_json, staleness_json
from services.qualification.evidence.views import judge
from services.qualification.opportunities.repository import Opportunity
from services.qualification.plans.domain import Requirement
from services.qualification.plans.repository import Plan, PlanVersion
from services.qualification.plans.sections import (
    Sections,
    compare,
    flatten,
    length,
)
from services.workspace.policy import Policy

Names = Mapping[str | None, str]


def plan_json(
    deal: Opportunity,
    plan: Plan,
    policy: Policy,
    *,
    names: Names,
    contacts: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """The plan with what it must have and how it stands."""
    judged = judge(deal, plan, policy, now)
    return {
        "opportunity_id": deal.id,
        "version": plan.version,
        "saved_at": plan.touched_at,
        "author": plan.touched_by,
        "author_name": names.get(plan.touched_by),
        "overview": plan.sections["overview"],
        "meddppicc": evidence_json(deal, plan, policy, names=names, contacts=contacts, now=now),
        "close_plan": plan.sections["close_plan"],
        "manager_review": plan.sections["manager_review"],
        "owner_external_id": deal.owner_external_id,
        "is_exempt": judged.is_exempt,
        "is_complete": not judged.missing,
        "requirements": [_requirement_json(each) for each in judged.requirements],
        "staleness": staleness_json(judged.staleness),
        "last_met_at": plan.met_at,
        "characters": {
            "used": length(plan.sections, plan.elements),
            "limit": policy.number("plan.max_chars"),
        },
        "policy_version": policy.version,
    }


def _requirement_json(requirement: Requirement) -> dict[str, Any]:
    return {
        "section": requirement.section,
        "rules": [rule._asdict() for rule in requirement.rules],
        "is_met": requirement.is_met,
        "missing": list(requirement.missing),
    }


def save_json(row: Mapping[str, Any], names: Names) -> dict[str, Any]:
    return {
        "version": row["version"],
        "author": row["author"],
        "author_name": names.get(row["author"]),
        "saved_at": row["saved_at"],
        "policy_version": row["policy_version"],
        "changes": row["changes"],
    }


def version_json(version: PlanVersion, names: Names, policy: Policy) -> dict[str, Any]:
    """The whole plan as it was; `policy` is the one it was saved under."""
    elements = evidence.elements_from_json(version.elements)
    points = evidence.total(elements)
    percent = evidence.percent(points)
    return {
        "version": version.version,
        "author": version.author,
        "author_name": names.get(version.author),
        "saved_at": version.saved_at,
        "policy_version": version.policy_version,
        "changes": version.changes,
        "overview": version.sections["overview"],
        "meddppicc": {
            "version": version.elements_version,
            "elements": {
                name: {
                    **element.told(),
                    "author": element.author,
                    "changed_at": element.changed_at,
                }
                for name, element in elements.items()
            },
            "total": points,
            "total_max": evidence.TOTAL_MAX,
            "percent": percent,
            "colour": evidence.colour(percent, policy),
        },
        "close_plan": version.sections["close_plan"],
        "manager_review": version.sections["manager_review"],
    }


def differences_json(before: PlanVersion, after: PlanVersion) -> list[dict[str, Any]]:
    """Value by value, in the order of the plan."""
    labels = {**_labels(before.sections), **_labels(after.sections)}
    found = compare(
        flatten(before.sections, before.elements), flatten(after.sections, after.elements)
    )
    return [
        {
            "section": place.section,
            "item": place.item,
            "label": labels.get(place.item),
            "field": place.field,
            "before": old,
            "after": new,
        }
        for place, old, new in found
    ]


def _labels(sections: Sections) -> dict[str | None, str]:
    steps = {step["id"]: step["title"] for step in sections["close_plan"]["steps"]}
    notes = {note["id"]: note["dated_on"] for note in sections["manager_review"]["notes"]}
    return {**steps, **notes}


def standing_json(deal: Opportunity, plan: Plan, policy: Policy, now: datetime) -> dict[str, Any]:
    """One line of the list of plans."""
    judged = judge(deal, plan, policy, now)
    return {
        "opportunity_id": deal.id,
        "opportunity_external_id": deal.external_id,
        "name": deal.name,
        "account_name": deal.account_name,
        "owner_external_id": deal.owner_external_id,
        "stage": deal.stage,
        "stage_number": evidence.stage_number(deal.stage),
        "segment": deal.segment,
        "amount": deal.amount,
        "net_arr": deal.net_arr,
        "currency": deal.currency,
        "version": plan.version,
        "saved_at": plan.touched_at,
        "percent": judged.percent,
        "colour": judged.colour,
        "gaps": list(judged.gaps),
        "required_sections": [each.section for each in judged.requirements],
        "missing": list(judged.missing),
        "is_complete": not judged.missing,
        "is_exempt": judged.is_exempt,
        "is_stale": judged.is_stale,
        "stale_since": judged.staleness.since,
        "stale_reasons": [reason.code for reason in judged.staleness.reasons],
    }
