"""Setting and reading quotas. A quota moves figures, so it goes through the outbox like any event."""

from __future__ import annotations

from decimal import Decimal
from uuid import UUID

from services.forecast.quotas import repository
from services.forecast.quotas.errors import InvalidPeriodError
from services.forecast.quotas.repository import Quota
from services.forecast.repository import find_person, read_organisation, read_standing
from services.forecast.scope import READS_EVERYTHING, resolve_person
from services.kit import clock
from services.kit.auth import Principal
from services.kit.db import ReadSession, WriteSession
from services.kit.errors import InvalidPayloadError, NotFoundError
from services.kit.pagination import PageRequest
from services.workspace.fiscal import FiscalCalendarError, parse_key, parse_year
from services.workspace.outbox import KIND_QUOTA, OUTBOX

SETS_QUOTAS = ("admin", "integration", "sales_ops")


def check_period(pointer: str, period: str) -> str:
    """A quarter or a year, as labels write them."""
    try:
        parse_key(period) if "-" in period else parse_year(period)
    except FiscalCalendarError as error:
        raise InvalidPeriodError(pointer, period) from error
    return period


async def set_quota(
    session: WriteSession, principal: Principal, period: str, user: str, amount: Decimal
) -> Quota:
    """The quota as it now stands; the same amount again writes nothing."""
    principal.require(*SETS_QUOTAS)
    check_period("path/period", period)
    person = await find_person(session, user)
    if person is None:
        raise NotFoundError("user", user)
    current = await repository.find_newest(session, period, person.id)
    if current is not None and current.amount == amount:
        return current
    quota_id = await repository.insert(
        session, period=period, user_id=person.id, amount=amount, recorded_by=principal.actor
    )
    await OUTBOX.append(session, kind=KIND_QUOTA, subject_id=quota_id)
    written = await repository.find_newest(session, period, person.id)
    assert written is not None
    return written


async def list_quotas(
    session: ReadSession,
    principal: Principal,
    *,
    period: str | None,
    user: str | None,
    page: PageRequest,
) -> list[Quota]:
    """Up to one more than the page holds. A named user's own quotas; without a name, those of
    everybody the caller may read."""
    if period is not None:
        check_period("query/period", period)
    after = _seen(page)
    now = clock.now()
    person = await resolve_person(session, principal, user, now)
    user_ids = None if person is None else [person.id]
    if user is None and person is not None and not principal.has(*READS_EVERYTHING):
        standing = await read_standing(session, now)
        organisation = await read_organisation(session, standing.batch)
        user_ids = organisation.subtree(person.id)
    return await repository.list_newest(
        session, period=period, user_ids=user_ids, after=after, limit=page.limit + 1
    )


def _seen(page: PageRequest) -> list[str | UUID] | None:
    if page.after is None:
        return None
    try:
        period, user_id = page.after
        return [str(period), UUID(user_id)]
    except (ValueError, TypeError, AttributeError) as error:
        raise InvalidPayloadError.one(
            "query/cursor", "invalid_cursor", "is not a cursor of this list"
        ) from error
