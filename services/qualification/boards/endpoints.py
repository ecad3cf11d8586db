"""HTTP paths of boards: parse, authorise, call, answer."""

from __future__ import annotations

from fastapi import APIRouter

from services.kit.app import COMMON_ERRORS, problems
from services.kit.http import ServiceRoute
from services.qualification.boards.funnel.endpoints import router as funnel

router = APIRouter(route_class=ServiceRoute, tags=["boards"], responses=problems(*COMMON_ERRORS))
router.include_router(funnel)
