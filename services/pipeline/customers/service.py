"""Success plans of accounts, and the list of customers by what is judged of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from services.kit import clock
from services.kit.db import Session
from services.pipeline.customers import repository
from services.pipeline.customers.lookups import require_account
from services.pipeline.customers.repository import Wanted
from services.pipeline.customers.success import Customer, item_of, read_customers, told
from services.pipeline.opportunities.domain import months_after
from services.workspace.policies.repository import get_policy, version_in_force
from services.workspace.policy import Policy
from services.workspace.users.reach import find_subtree
from services.workspace.workspaces.repository import get_workspace

_CHUNK_MAX: Final = 2_000
# What is judged is looked for in so many customers a request; the next page goes on from there.
_LOOKED_AT_MAX: Final = 10_000
_ACTION: Final = "customers.action_months"


async def circumstances(session: Session) -> tuple[date, Policy]:
    """The company's day and the policy in force."""
    now = clock.now()
    today = (await get_workspace(session)).calendar.local_date(now)
    return today, await get_policy(session, await version_in_force(session, now))


async def success_of(session: Session, account_id: UUID) -> dict[str, Any]:
    """Of an account without a subscription too: its champions are known before."""
    account = await require_account(session, account_id)
    today, policy = await circumstances(session)
    (customer,) = await read_customers(session, [account], today, policy)
    return told(customer, policy)


async def list_customers(
    session: Session, filters: Mapping[str, Any], after: UUID | None, limit: int
) -> tuple[list[dict[str, Any]], UUID | None]:
    """At most `limit` customers that fit and the account to go on after, None at the end.

    What can be looked up is; what is judged is judged a chunk at a time. A page of a filter that
    hardly anybody fits may be short, or empty, and yet not be the last.
    """
    today, policy = await circumstances(session)
    user = filters["user_id"]
    owners = None if user is None else await find_subtree(session, user)
    wanted = Wanted(
        today=today,
        owners=owners,
        segment=filters["segment"],
        region=filters["region"],
        account_external_id=filters["account_external_id"],
        ends=_ends(filters, today, policy),
        judged=[name for name in ("category", "band") if filters[name] is not None]
        + [filters["flag"] or ""],
    )
    found: list[dict[str, Any]] = []
    chunk, looked_at = limit + 1, 0
    while looked_at < _LOOKED_AT_MAX:
        accounts = await repository.customers_after(session, wanted, after, chunk)
        for customer in await read_customers(session, accounts, today, policy):
            if not _fits(customer, filters):
                after = customer.account["id"]
                continue
            if len(found) == limit:
                return found, after
            found.append(item_of(customer))
            after = customer.account["id"]
        if len(accounts) < chunk:
            return found, None
        looked_at += chunk
        chunk = min(chunk * 4, _CHUNK_MAX)
    return found, after


def _ends(filters: Mapping[str, Any], today: date, policy: Policy) -> tuple[date, date] | None:
    """Between which days a subscription ends that is in this phase, or a little beside it: the
    phase itself is judged afterwards. So it is with reviews, which are due near the end."""
    phase = filters["phase"]
    if phase is None:
        if filters["flag"] not in ("review_due", "review_overdue"):
            return None
        months = [*policy.settings["customers.review_months"], policy.number(_ACTION)]
        open_for = timedelta(days=policy.number("customers.review_opens_days"))
        return today, months_after(today + open_for, max(months) + 1)
    renewal, expansion, _ = policy.settings["customers.phase_months"]
    starts = {"renewal": 0, "expansion": renewal}
    last = {"renewal": renewal, "expansion": expansion}.get(phase)
    first = months_after(today, max(starts.get(phase, expansion) - 1, 0))
    return first, date.max if last is None else months_after(today, last + 1)


def _fits(customer: Customer, filters: Mapping[str, Any]) -> bool:
    """One that ended between two statements fits nowhere."""
    running, flag = customer.running, filters["flag"]
    return (
        bool(running)
        and all(
            filters[name] is None or any(getattr(one, name) == filters[name] for one in running)
            for name in ("phase", "category", "band")
        )
        and (flag is None or customer.has(flag))
    )
