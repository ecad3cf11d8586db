"""Policies: every version, the next one, and what the next one would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.kit import clock
from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import list_answer
from services.kit.http import Caller, Read, ServiceRoute, Write
from services.kit.pagination import PageRequest, page_request
from services.pipeline.policies.schemas import Policy as PolicyAnswer
from services.pipeline.policies.schemas import PolicyPage, PolicyPost, PolicyProposal
from services.pipeline.policies.service import effects_of
from services.workspace.policies import repository
from services.workspace.policies.service import Proposal, propose, store
from services.workspace.policy import Policy

router = APIRouter(route_class=ServiceRoute, tags=["policies"], responses=problems(*COMMON_ERRORS))

WRITERS = ("admin", "sales_ops")


def _view(row: Mapping[str, Any], version_in_force: int) -> dict[str, Any]:
    policy = Policy.build(row["name"], row["version"], row["settings"])
    return {
        "version": row["version"],
        "name": row["name"],
        "effective_from": repository.shown_instant(row["effective_from"]),
        "is_in_force": row["version"] == version_in_force,
        "settings": policy.settings,
        "recorded_at": row["recorded_at"],
        "recorded_by": row["recorded_by"],
        "applied_at": row["applied_at"],
    }


@router.get("/policies", response_model=PolicyPage)
async def list_policies(
    request: Request,
    session: Read,
    page: Annotated[PageRequest, Depends(page_request)],
) -> Response:
    """Every version with all its settings, the latest first."""
    in_force = await repository.version_in_force(session, clock.now())
    rows = await repository.list_versions(session, page)
    rows, cursor = page.cut(rows, lambda row: [row["version"]])
    items = [_view(row, in_force) for row in rows]
    return list_answer(request, items, cursor, list(PolicyAnswer.model_fields))


@router.post(
    "/policies",
    status_code=201,
    response_model=PolicyProposal,
    responses={200: {"model": PolicyProposal, "description": "A dry run, or nothing differs."}},
)
async def post_policy(
    body: PolicyPost,
    caller: Caller,
    session: Write,
    dry_run: Annotated[bool, Query(description="Say what it would do; store nothing.")] = False,
) -> Response:
    """Stores the next version. The worker applies it to open opportunities once its time has
    come; until then figures warn `policy_change_in_progress`. What equals the version before it
    is not stored again."""
    caller.require(*WRITERS)
    versions = await repository.lock_versions(session)
    proposal = propose(
        versions, name=body.name, effective_from=body.effective_from, settings=body.settings
    )
    if dry_run:
        row = _proposed_row(proposal, caller.actor)
        effects = await effects_of(session, proposal.policy)
        return json_answer(_proposal_view(proposal, row, dry_run=True) | {"effects": effects})
    if not proposal.is_new:
        row = next(dict(row) for row in versions if row["version"] == proposal.base.version)
        return json_answer(_proposal_view(proposal, row, dry_run=False))
    row = await store(session, caller.actor, proposal)
    return json_answer(_proposal_view(proposal, row, dry_run=False), 201)


def _proposed_row(proposal: Proposal, actor: str) -> dict[str, Any]:
    policy = proposal.policy
    return {
        "version": policy.version, "name": policy.name, "settings": policy.settings,
        "effective_from": proposal.effective_from, "recorded_at": clock.now(),
        "recorded_by": actor, "applied_at": None,
    }  # fmt: skip


def _proposal_view(proposal: Proposal, row: Mapping[str, Any], *, dry_run: bool) -> dict[str, Any]:
    # Being the highest version, a stored one is in force as soon as its time has come.
    has_come = not dry_run and row["effective_from"] <= clock.now()
    return _view(row, row["version"] if has_come else 0) | {
        "dry_run": dry_run,
        "changes": proposal.changes,
        "supersedes": proposal.supersedes if proposal.is_new else [],
        "effects": None,
    }
