"""Making workspaces: the row, its slug, the first policy. Used by operators' commands only."""

from __future__ import annotations

import re
from uuid import UUID

from services.kit import clock
from services.kit.db import Database
from services.kit.errors import FieldProblem, InvalidPayloadError
from services.kit.ids import new_id
from services.kit.schemas import CURRENCIES
from services.workspace.fiscal import FiscalCalendarError, calendar_for
from services.workspace.policies import repository as policies
from services.workspace.workspaces import repository
from services.workspace.workspaces.errors import WorkspaceNotFoundError, WorkspaceSlugTakenError
from services.workspace.workspaces.repository import Workspace

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")

DEFAULT_CURRENCY = "USD"
DEFAULT_START_MONTH = 2
DEFAULT_TIMEZONE = "America/Los_Angeles"


async def create_workspace(
    database: Database,
    *,
    name: str,
    slug: str,
    currency: str = DEFAULT_CURRENCY,
    fiscal_year_start_month: int = DEFAULT_START_MONTH,
    timezone: str = DEFAULT_TIMEZONE,
) -> Workspace:
    """Raises InvalidPayloadError naming each bad field, or WorkspaceSlugTakenError. The database
    must be connected with the worker's or pipeline's role."""
    _check(name, slug, currency, fiscal_year_start_month, timezone)
    workspace = Workspace(
        id=new_id(),
        slug=slug,
        name=name.strip(),
        currency=currency,
        timezone=timezone,
        fiscal_year_start_month=fiscal_year_start_month,
        created_at=clock.now(),
    )
    async with database.write(workspace.id) as session:
        if not await repository.claim_slug(session, slug):
            raise WorkspaceSlugTakenError(slug)
        await repository.insert_workspace(session, workspace)
        await policies.insert_first(session)
    return workspace


async def require_workspace_id(database: Database, reference: str) -> UUID:
    """By slug or id. The database must be connected with the worker's role."""
    async with database.read(None) as session:
        found = await repository.find_workspace_id(session, reference)
        if found is not None:
            return found
        known = {str(workspace_id): workspace_id for _, workspace_id in
                 await repository.list_slugs(session)}  # fmt: skip
    if reference in known:
        return known[reference]
    raise WorkspaceNotFoundError(reference)


def _check(name: str, slug: str, currency: str, start_month: int, timezone: str) -> None:
    problems: list[FieldProblem] = []
    if not 1 <= len(name.strip()) <= 200:
        problems.append(FieldProblem("/name", "invalid_length", "must have 1 to 200 characters"))
    if not _SLUG.fullmatch(slug):
        problems.append(
            FieldProblem(
                "/slug", "invalid_slug", "takes lower-case letters, digits and inner hyphens, 1-63"
            )
        )
    if currency not in CURRENCIES:
        problems.append(
            FieldProblem("/currency", "invalid_currency", "must be a code of ISO 4217, like USD")
        )
    try:
        calendar_for(start_month, timezone)
    except FiscalCalendarError as error:
        field = "/timezone" if 1 <= start_month <= 12 else "/fiscal_year_start_month"
        problems.append(FieldProblem(field, "invalid_calendar", str(error)))
    if problems:
        raise InvalidPayloadError(problems)
