"""What pipeline's gates and lists may know of an opportunity's evidence: read only, for many at
once, in the caller's session."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.kit import clock
from services.kit.db import Session
from services.qualification.evidence import domain
from services.qualification.evidence.domain import Elements
from services.qualification.opportunities.repository import Opportunity, get_opportunities
from services.qualification.plans import domain as plans
from services.qualification.plans.domain import Requirement, Staleness
from services.qualification.plans.repository import Plan, blank, get_plans
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """MEDDPPICC and command plan of one opportunity, judged under one policy.

    `gaps` and `requirements` are those of the stage it is at; `gaps_at` and `requirements_at` tell
    of another one, such as the stage a gate leads to.
    """

    opportunity_id: UUID
    version: int
    scores: Mapping[str, int]
    total: int
    percent: int
    colour: str
    gaps: tuple[str, ...]
    next_stage_gaps: tuple[str, ...]
    is_overview_complete: bool
    is_meddppicc_complete: bool
    is_close_plan_complete: bool
    is_exempt: bool
    requirements: tuple[Requirement, ...]
    last_touched_at: datetime | None
    staleness: Staleness
    policy_version: int
    _deal: Opportunity = field(repr=False, compare=False)
    _elements: Elements = field(repr=False, compare=False)
    _missing: Mapping[str, tuple[str, ...]] = field(repr=False, compare=False)
    _policy: Policy = field(repr=False, compare=False)

    @property
    def missing(self) -> tuple[str, ...]:
        """What the plan must have at this stage and lacks, like `overview.why_now`."""
        return _lacking(self.requirements)

    @property
    def is_stale(self) -> bool:
        return self.staleness.is_stale

    def gaps_at(self, stage_number: int) -> tuple[str, ...]:
        """The elements that stage needs identified and that are not."""
        required_by = self._policy.settings["meddppicc.required_by_stage"]
        return tuple(domain.gaps(self._elements, stage_number, required_by))

    def requirements_at(self, stage_number: int) -> tuple[Requirement, ...]:
        return tuple(plans.requirements(self._deal, stage_number, self._missing, self._policy))

    def missing_at(self, stage_number: int) -> tuple[str, ...]:
        """As `missing`, at another stage."""
        return _lacking(self.requirements_at(stage_number))


def _lacking(requirements: tuple[Requirement, ...]) -> tuple[str, ...]:
    return tuple(f"{each.section}.{name}" for each in requirements for name in each.missing)


async def evidence_of(
    session: Session, ids: Collection[UUID], policy: Policy | None = None
) -> dict[UUID, Evidence]:
    """Of each opportunity there is, also where nobody wrote anything: two statements for any
    number. `policy` None is the one in force now."""
    if not ids:
        return {}
    now = clock.now()
    if policy is None:
        policy = await get_policy(session, await version_in_force(session, now))
    deals = await get_opportunities(session, ids)
    written = await get_plans(session, deals)
    return {
        id_: judge(deal, written.get(id_) or blank(id_), policy, now) for id_, deal in deals.items()
    }


def judge(deal: Opportunity, plan: Plan, policy: Policy, now: datetime) -> Evidence:
    """What is written about the opportunity, under the policy."""
    elements = domain.elements_from_json(plan.elements)
    number = domain.stage_number(deal.stage)
    required_by = policy.settings["meddppicc.required_by_stage"]
    missing = plans.missing_of(plan.sections, elements)
    required = tuple(plans.requirements(deal, number, missing, policy))
    points = domain.total(elements)
    next_number = None if number is None else number + 1
    return Evidence(
        opportunity_id=deal.id,
        version=plan.version,
        scores={name: element.score for name, element in elements.items()},
        total=points,
        percent=domain.percent(points),
        colour=domain.colour(domain.percent(points), policy),
        gaps=tuple(domain.gaps(elements, number, required_by)),
        next_stage_gaps=tuple(domain.gaps(elements, next_number, required_by)),
        is_overview_complete=not missing[plans.OVERVIEW],
        is_meddppicc_complete=not missing[plans.MEDDPPICC],
        is_close_plan_complete=not missing[plans.CLOSE_PLAN],
        is_exempt=plans.is_exempt(deal),
        requirements=required,
        last_touched_at=plan.touched_at,
        staleness=plans.staleness(
            deal,
            touched_at=plan.touched_at,
            met_at=plan.met_at,
            is_required=bool(required),
            now=now,
            policy=policy,
        ),
        policy_version=policy.version,
        _deal=deal,
        _elements=elements,
        _missing=missing,
        _policy=policy,
    )
