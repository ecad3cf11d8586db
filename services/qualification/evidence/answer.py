"""MEDDPPICC as its answer. Pure: what is looked up is given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.qualification.evidence import domain
from services.qualification.evidence.domain import Elements
from services.qualification.opportunities.repository import Opportunity
from services.qualification.plans.domain import Staleness, required_sections, staleness
from services.qualification.plans.repository import Plan
from services.workspace.policy import Policy


def evidence_json(
    deal: Opportunity,
    plan: Plan,
    policy: Policy,
    *,
    names: Mapping[str | None, str],
    contacts: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> dict[str, Any]:
    """`names` of authors, `contacts` by external id."""
    elements = domain.elements_from_json(plan.elements)
    number = domain.stage_number(deal.stage)
    required_by = policy.settings["meddppicc.required_by_stage"]
    gaps = domain.gaps(elements, number, required_by)
    points = domain.total(elements)
    percent = domain.percent(points)
    return {
        "opportunity_id": deal.id,
        "version": plan.elements_version,
        "stage": deal.stage,
        "stage_number": number,
        "elements": {
            name: {
                **element.told(),
                "author": element.author,
                "author_name": names.get(element.author),
                "changed_at": element.changed_at,
                "colour": element.colour,
                "required_by_stage": required_by.get(name),
                "is_gap": name in gaps,
            }
            for name, element in elements.items()
        },
        "total": points,
        "total_max": domain.TOTAL_MAX,
        "percent": percent,
        "colour": domain.colour(percent, policy),
        "gaps": gaps,
        "next_stage_gaps": domain.gaps(
            elements, None if number is None else number + 1, required_by
        ),
        "staleness": staleness_json(
            staleness(
                deal,
                touched_at=plan.elements_at,
                met_at=plan.met_at,
                is_required=bool(required_sections(deal, number, policy)) or bool(gaps),
                now=now,
                policy=policy,
            )
        ),
        "warnings": _warnings(elements, contacts),
        "changed_at": plan.elements_at,
        "policy_version": policy.version,
    }


def staleness_json(found: Staleness) -> dict[str, Any]:
    return {
        "is_stale": found.is_stale,
        "since": found.since,
        "reasons": [reason._asdict() for reason in found.reasons],
    }


def _warnings(
    elements: Elements, contacts: Mapping[str, Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """A champion nobody has named, and evidence that leans on a person who has left."""
    found = []
    if domain.is_only_an_advocate(elements["champion"]):
        message = "Who it is, is not named: until then it is an advocate. Send contact_external_id."
        found.append({"element": "champion", "code": "champion_not_named", "message": message})
    for name, element in elements.items():
        contact = contacts.get(element.contact_external_id or "")
        if contact is not None and contact["left_at"] is not None:
            message = f"{contact['name']} left the account on {contact['left_at']}."
            found.append({"element": name, "code": "contact_left", "message": message})
    return found
