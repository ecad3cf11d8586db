"""HTTP paths of customers: parse, authorise, call, answer. The parts have their own paths."""

from __future__ import annotations

from fastapi import APIRouter

from services.kit.app import COMMON_ERRORS, problems
from services.kit.http import ServiceRoute
from services.pipeline.customers.onboarding.endpoints import router as onboarding
from services.pipeline.customers.suggestions.endpoints import router as suggestions
from services.pipeline.customers.usage.endpoints import router as usage

router = APIRouter(
    route_class=ServiceRoute,
    tags=["customers"],
    responses=problems(*COMMON_ERRORS),
)
for part in (usage, suggestions, onboarding):
    router.include_router(part)
