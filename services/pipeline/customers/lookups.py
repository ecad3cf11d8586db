"""The account or subscription a path names. Absent and of another workspace are not told apart."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from services.kit.db import Session
from services.pipeline.accounts.errors import AccountNotFoundError
from services.pipeline.accounts.repository import get_account
from services.pipeline.subscriptions.errors import SubscriptionNotFoundError
from services.pipeline.subscriptions.repository import get_subscription


async def require_account(session: Session, account_id: UUID) -> asyncpg.Record:
    account = await get_account(session, account_id)
    if account is None:
        raise AccountNotFoundError(account_id)
    return account


async def require_subscription(session: Session, subscription_id: UUID) -> asyncpg.Record:
    subscription = await get_subscription(session, subscription_id)
    if subscription is None:
        raise SubscriptionNotFoundError(subscription_id)
    return subscription
