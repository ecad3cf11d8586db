"""What account families have bought, as far as an order type depends on it. Pure: the rows come
from the repository; within a batch each item sees what the items before it won."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from services.pipeline.opportunities.booked import deal_count
from services.pipeline.opportunities.domain import FamilyFacts

_WON: Final = "closed_won"
NO_FAMILY: Final = FamilyFacts(has_won_account=False, has_won_family=False)


@dataclass(slots=True)
class Family:
    """Every account under one root: deals won and the last subscription's end, by account.

    `won_on` is the last deal's close date, `lost_on` the day the last lost renewal was due: where
    that is the later one, it tells when a customer left whose subscriptions nobody records.
    """

    won: Counter[UUID] = field(default_factory=Counter)
    subscribed_until: dict[UUID, date] = field(default_factory=dict)
    won_on: dict[UUID, date] = field(default_factory=dict)
    lost_on: dict[UUID, date] = field(default_factory=dict)

    def last_day(self) -> date | None:
        """The last day anybody in the family had something; None where that is not known."""
        if self.subscribed_until:
            return max(self.subscribed_until.values())
        customers = {account for account, count in self.won.items() if count > 0}
        if customers and all(self._is_lapsed(account) for account in customers):
            return max(self.lost_on[account] for account in customers)
        return None

    def _is_lapsed(self, account_id: UUID) -> bool:
        lost_on, won_on = self.lost_on.get(account_id), self.won_on.get(account_id)
        return lost_on is not None and (won_on is None or won_on <= lost_on)

    def note(self, row: Mapping[str, Any]) -> None:
        """A deal of the batch is won, or a renewal lost."""
        account_id, won_on, lost_on = row["account_id"], row["close_date"], row["renewal_date"]
        if row["stage"] == _WON and won_on is not None:
            self.won_on[account_id] = max(won_on, self.won_on.get(account_id, won_on))
        is_lost = row["stage"] == "closed_lost" and row["type"] == "renewal"
        if is_lost and row["category"] == "standard" and lost_on is not None:
            self.lost_on[account_id] = max(lost_on, self.lost_on.get(account_id, lost_on))


def _counts(row: Mapping[str, Any] | None) -> int:
    """For how many won deals the row counts; one that is given back takes one back."""
    return deal_count(row["category"]) if row is not None and row["stage"] == _WON else 0


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
        own = _counts(current)
        is_own_account = current is not None and current["account_id"] == account_id
        in_family = current is not None and current["account_id"] in won
        until = family.subscribed_until
        last = family.last_day()
        elsewhere = [day for account, day in until.items() if account != account_id]
        is_active_elsewhere = (
            any(day >= today for day in elsewhere)
            if until
            else any(count > 0 for account, count in won.items() if account != account_id)
        )
        return FamilyFacts(
            has_won_account=won[account_id] > (own if is_own_account else 0),
            has_won_family=sum(won.values()) > (own if in_family else 0),
            inactive_days=(today - last).days if last is not None and last < today else None,
            is_family_active_elsewhere=is_active_elsewhere,
        )

    def changes_on(self, account_id: UUID, today: date, window: int) -> date | None:
        """The next day on which something an order type depends on is otherwise than today, though
        nobody does anything: a subscription has ended, or the last one has so long ago."""
        family = self._by_account.get(account_id)
        if family is None:
            return None
        days = [day + timedelta(days=1) for day in family.subscribed_until.values()]
        last = family.last_day()
        if last is not None:
            days.append(last + timedelta(days=window + 1))
        return min((day for day in days if day > today), default=None)

    def note(self, row: Mapping[str, Any], current: Mapping[str, Any] | None) -> None:
        """The row is decided: later items of the batch see it."""
        if current is not None and current["stage"] == _WON:
            self._count(current["account_id"], -_counts(current))
        if row["stage"] == _WON:
            self._count(row["account_id"], _counts(row))
        family = self._by_account.get(row["account_id"])
        if family is not None:
            family.note(row)

    def _count(self, account_id: UUID | None, by: int) -> None:
        family = self._by_account.get(account_id) if account_id is not None else None
        if family is not None and account_id is not None:
            family.won[account_id] += by
