"""The workspace a key belongs to."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from services.kit import clock
from services.kit.app import COMMON_ERRORS, problems
from services.kit.csv_answer import figure_answer
from services.kit.http import Read, ServiceRoute
from services.workspace.policies import repository as policies
from services.workspace.workspaces.errors import WorkspaceNotFoundError
from services.workspace.workspaces.repository import get_workspace
from services.workspace.workspaces.schemas import Workspace

router = APIRouter(route_class=ServiceRoute, tags=["workspace"], responses=problems(*COMMON_ERRORS))


@router.get("/workspace", response_model=Workspace, responses=problems(WorkspaceNotFoundError))
async def read_workspace(request: Request, session: Read) -> Response:
    """Name, currency, fiscal year, time zone, and the policy in force now."""
    workspace = await get_workspace(session)
    in_force = await policies.require_in_force(session, clock.now())
    return figure_answer(
        request,
        {
            "id": workspace.id,
            "name": workspace.name,
            "slug": workspace.slug,
            "currency": workspace.currency,
            "fiscal_year_start_month": workspace.fiscal_year_start_month,
            "timezone": workspace.timezone,
            "policy": {
                "name": in_force["name"],
                "version": in_force["version"],
                "effective_from": policies.shown_instant(in_force["effective_from"]),
            },
            "created_at": workspace.created_at,
        },
    )
