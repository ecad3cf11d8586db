"""HTTP paths of territories, gathered: records, the map, and how they buy."""

from __future__ import annotations

from fastapi import APIRouter

from services.kit.app import COMMON_ERRORS, problems
from services.kit.http import ServiceRoute
from services.qualification.territories.endpoints_divisions import router as divisions
from services.qualification.territories.endpoints_map import router as usage_map
from services.qualification.territories.endpoints_plan import router as plan
from services.qualification.territories.endpoints_records import router as records

router = APIRouter(
    route_class=ServiceRoute, tags=["territories"], responses=problems(*COMMON_ERRORS)
)
for part in (records, divisions, usage_map, plan):
    router.include_router(part)
