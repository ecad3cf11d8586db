"""What account families have bought, as far as an order type depends on it. Pure: the rows come
from the repository; within a batch each item sees what the items before it won."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final
from uuid import UUID

from services.pipeline.opportunities.domain import FamilyFacts

_WON: Final = "closed_won"
NO_FAMILY: Final = FamilyFacts(has_won_account=False, has_won_family=False)


@dataclass(slots=True)
class Family:
    """Every account under one root: deals won and the last subscription's end, by account."""

    won: Counter[UUID] = field(default_factory=Counter)
    subscribed_until: dict[UUID, date] = field(default_factory=dict)


class Families:
    """The families of the accounts a use case touches."""

    def __init__(self, by_account: Mapping[UUID, Family]) -> None:
        self._by_account = by_account

    def facts(
        self, row: Mapping[str, Any], current: Mapping[str, Any] | None, today: date
    ) -> FamilyFacts:
        """Of the row's account, with the opportunity itself left out."""
        account_id = row["account_id"]
        family = self._by_account.get(account_id)
        if family is None:
            return NO_FAMILY
        won = family.won
        own = int(current is not None and current["stage"] == _WON)
        is_own_account = own and current is not None and current["account_id"] == account_id
        in_family = own and current is not None and current["account_id"] in won
        until = family.subscribed_until
        last = max(until.values(), default=None)
        elsewhere = [day for account, day in until.items() if account != account_id]
        is_active_elsewhere = (
            any(day >= today for day in elsewhere)
            if until
            else any(count for account, count in won.items() if account != account_id)
        )
        return FamilyFacts(
            has_won_account=won[account_id] > int(is_own_account),
            has_won_family=sum(won.values()) > int(in_family),
            inactive_days=(today - last).days if last is not None and last < today else None,
            is_family_active_elsewhere=is_active_elsewhere,
        )

    def note(self, row: Mapping[str, Any], current: Mapping[str, Any] | None) -> None:
        """The row is decided: later items of the batch see it."""
        if current is not None and current["stage"] == _WON:
            self._count(current["account_id"], -1)
        if row["stage"] == _WON:
            self._count(row["account_id"], 1)

    def _count(self, account_id: UUID | None, by: int) -> None:
        family = self._by_account.get(account_id) if account_id is not None else None
        if family is not None and account_id is not None:
            family.won[account_id] += by
