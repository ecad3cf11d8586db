"""HTTP paths of the sales operation: parse, authorise, call, answer."""

from __future__ import annotations

from fastapi import APIRouter

from services.kit.app import COMMON_ERRORS, problems
from services.kit.http import ServiceRoute

router = APIRouter(
    route_class=ServiceRoute,
    tags=["operations"],
    responses=problems(*COMMON_ERRORS),
)
