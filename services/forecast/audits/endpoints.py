"""The paths of audits."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from services.forecast.audits import service
from services.forecast.audits.errors import AuditNotFoundError
from services.forecast.audits.repository import Audit
from services.forecast.audits.schemas import AuditOut
from services.kit.answers import json_answer
from services.kit.app import COMMON_ERRORS, problems
from services.kit.http import Caller, Read, ServiceRoute, Write

router = APIRouter(
    prefix="/audits",
    tags=["audits"],
    route_class=ServiceRoute,
    responses=problems(*COMMON_ERRORS),
)


def _render(audit: Audit) -> dict[str, Any]:
    return {
        "id": audit.id,
        "status": audit.status,
        "equal": audit.difference_count == 0 if audit.status == "done" else None,
        "sequence": audit.sequence,
        "opportunities": audit.opportunities,
        "difference_count": audit.difference_count,
        "differences": audit.differences,
        "error": audit.error,
        "created_at": audit.created_at,
        "started_at": audit.started_at,
        "finished_at": audit.finished_at,
    }


@router.post("", status_code=202, response_model=AuditOut, summary="Ask for an audit")
async def post_audit(session: Write, caller: Caller) -> Response:
    """The figures worked out from the opportunity rows alone, compared with the whole ledger. The
    worker runs it beside all other work; ask for the audit again until its `status` is `done`."""
    audit = await service.request_audit(session, caller)
    return json_answer(_render(audit), 202)


@router.get(
    "/{audit_id}",
    response_model=AuditOut,
    responses=problems(AuditNotFoundError),
    summary="What an audit found",
)
async def get_audit(session: Read, caller: Caller, audit_id: UUID) -> Response:
    return json_answer(_render(await service.read_audit(session, caller, audit_id)))
