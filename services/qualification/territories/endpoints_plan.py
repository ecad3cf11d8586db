"""How the customers of a territory buy: verticals, team, ranks, and the plan on a page."""

from __future__ import annotations

from fastapi import APIRouter

from services.kit.http import ServiceRoute

router = APIRouter(route_class=ServiceRoute)
