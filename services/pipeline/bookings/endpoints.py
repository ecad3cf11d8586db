"""HTTP paths of bookings: parse, authorise, call, answer."""

from __future__ import annotations

from fastapi import APIRouter

from services.kit.app import COMMON_ERRORS, problems
from services.kit.http import ServiceRoute

router = APIRouter(
    route_class=ServiceRoute,
    tags=["bookings"],
    responses=problems(*COMMON_ERRORS),
)
