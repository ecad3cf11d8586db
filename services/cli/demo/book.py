"""The book of business of one invented account: what it bought, renewed, added, and nearly bought.

An account's life is played from its first purchase to three quarters ahead of today; the deals it
brings are told up to yesterday. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final

from services.cli.demo.company import Account, Organisation
from services.cli.demo.deals import (
    DUPLICATE,
    FORGOTTEN,
    LOST,
    UNQUALIFIED,
    WON,
    Deal,
    Script,
    money,
    tell,
)
from services.cli.demo.dice import Dice
from services.cli.demo.names import USE_CASES

HISTORY_DAYS: Final = 730
AHEAD_DAYS: Final = 275

# First purchase in a year (median), and how long a new deal takes (median days).
_ARR: Final = {"smb": 5200, "mid_market": 21_000, "large": 88_000}
_CYCLE: Final = {"smb": 50, "mid_market": 105, "large": 190}
_ADD_ONS_A_YEAR: Final = {"smb": 1.3, "mid_market": 2.2, "large": 3.2}
_NEW_DEALS_A_YEAR: Final = {"smb": 0.8, "mid_market": 1.3, "large": 1.9}
_LOST_RENEWALS: Final = {"smb": 0.2, "mid_market": 0.14, "large": 0.1}
_PRICES: Final = {"premium": 348, "ultimate": 1188}
_RENEWAL_NOTICE_DAYS: Final = 120
_FORGOTTEN_DAYS: Final = 120
_TERMS: Final = {"12": 0.8, "24": 0.08, "36": 0.12}


@dataclass(frozen=True, slots=True)
class Subscription:
    """What the account has bought for one term."""

    external_id: str
    account: str
    start: date
    end: date
    arr: int
    seats: int
    tier: str

    def to_json(self) -> dict[str, object]:
        return {
            "external_id": self.external_id,
            "account_external_id": self.account,
            "start_date": self.start.isoformat(),
            "end_date": self.end.isoformat(),
            "arr": money(self.arr),
            "currency": "USD",
            "seats": self.seats,
            "tier": self.tier,
        }


@dataclass(slots=True)
class Book:
    """What came of an account's life."""

    deals: list[Deal] = field(default_factory=list)
    subscriptions: list[Subscription] = field(default_factory=list)


class _Life:
    """One account, played forward. `arr` is what it pays a year at the moment of the play."""

    def __init__(
        self, seed: int, account: Account, organisation: Organisation, today: date
    ) -> None:
        self.dice = Dice(seed, f"life/{account.number}")
        self.account = account
        self.today = today
        self.start = today - timedelta(days=HISTORY_DAYS)
        self.end = today + timedelta(days=AHEAD_DAYS)
        kind = "enterprise" if account.segment == "large" else "commercial"
        self.colleagues = organisation.team(account.region, kind).reps
        self.sdrs = organisation.sdrs[account.region]
        self.tier = self.dice.weighted({"premium": 0.65, "ultimate": 0.35})
        self.arr = 0
        self.book = Book()
        self._seed = seed
        self._numbers: dict[str, int] = {}

    def play(self) -> Book:
        standing = self.dice.weighted({"customer": 0.62, "converted": 0.2, "prospect": 0.18})
        if standing == "customer":
            first = self.start - timedelta(days=self.dice.whole(1, 360))
            self.arr = self._size(_ARR[self.account.segment])
            self._customer_from(first)
        elif standing == "converted":
            first = self.start + timedelta(days=self.dice.whole(30, HISTORY_DAYS + 40))
            self._tries(self.start, first - timedelta(days=100), "new_first_order")
            self.arr = self._first_purchase(first)
            if first < self.today:
                self._customer_from(first)
        else:
            self._tries(self.start, self.end, "new_first_order")
        return self.book

    def _size(self, median: float) -> int:
        """A yearly amount that is a whole number of seats."""
        price = _PRICES[self.tier]
        return max(3, round(self.dice.around(median, 0.6) / price)) * price

    def _customer_from(self, first: date) -> None:
        term_start = first
        self._tries(max(first, self.start), self.end, self._later_order_type())
        while True:
            term_end = term_start + timedelta(days=364)
            self._services(term_start, term_end)
            additions = list(self._additions(term_start, term_end))
            renewed = self._renewal(term_start, term_end, additions)
            if not renewed or term_end > self.end:
                return
            term_start = term_end + timedelta(days=1)

    def _later_order_type(self) -> str:
        return "new_connected" if self.account.parent else "growth"

    def _external_id(self, kind: str) -> str:
        number = self._numbers[kind] = self._numbers.get(kind, 0) + 1
        return f"{self.account.external_id}-{kind}{number}"

    def _tell(self, script: Script) -> None:
        deal = tell(script, Dice(self._seed, f"deal/{script.external_id}"), self.today)
        if deal is not None and script.closes >= self.start:
            self.book.deals.append(deal)

    def _facts(self, kind: str, name: str, order_type: str, arr: int) -> dict[str, Any]:
        return {
            "name": f"{self.account.name} – {name}",
            "account_external_id": self.account.external_id,
            "type": kind,
            "order_type": order_type,
            "seats": max(1, arr // _PRICES[self.tier]),
            "use_case": self.dice.one_of(USE_CASES),
            "route_to_market": self.account.route_to_market,
            "term_months": 12,
        }

    def _first_purchase(self, closes: date) -> int:
        arr = self._size(_ARR[self.account.segment])
        self._new_deal(closes, WON, arr, "new_first_order")
        return arr

    def _tries(self, first: date, last: date, order_type: str) -> None:
        """New deals of the account: other departments, other attempts; most of them lost."""
        days = (last - first).days
        for _ in range(self.dice.count(_NEW_DEALS_A_YEAR[self.account.segment] * days / 365)):
            closes = first + timedelta(days=self.dice.whole(0, max(0, days)))
            outcome = self.dice.weighted(
                {WON: 0.26, LOST: 0.56, UNQUALIFIED: 0.13, DUPLICATE: 0.05}
            )
            if outcome == WON and order_type == "new_first_order":
                # Its first purchase is told elsewhere; until then it buys nothing.
                outcome = LOST if closes < self.today else WON
            if 0 < (self.today - closes).days < _FORGOTTEN_DAYS and self.dice.happens(0.12):
                outcome = FORGOTTEN
            arr = self._size(_ARR[self.account.segment] * 0.7)
            self._new_deal(closes, outcome, arr, order_type)

    def _new_deal(self, closes: date, outcome: str, arr: int, order_type: str) -> None:
        dice = self.dice
        cycle = max(12, round(dice.around(_CYCLE[self.account.segment], 0.35)))
        if outcome in (UNQUALIFIED, DUPLICATE):
            cycle = dice.whole(3, 14)
        source = dice.weighted(
            {"inbound": 0.36, "outbound": 0.34, "partner": 0.2, "self_serve": 0.1}
        )
        facts = self._facts("new_business", self.tier.capitalize(), order_type, arr)
        facts["source_kind"] = source
        term = int(dice.weighted(_TERMS))
        facts["term_months"] = term
        services = round(arr / 1000) * 100 if arr > 40_000 and dice.happens(0.25) else 0
        if services:
            facts["services_amount"] = money(services)
        elsewhere = [deal.external_id for deal in self.book.deals]
        if outcome == DUPLICATE and not elsewhere:
            outcome = UNQUALIFIED
        self._tell(
            Script(
                external_id=self._external_id("n"),
                kind="new_business",
                created=closes - timedelta(days=cycle),
                closes=closes,
                outcome=outcome,
                amount=arr * term // 12 + services,
                facts=facts,
                owner=self.account.owner,
                colleagues=self.colleagues,
                sdr=dice.one_of(self.sdrs) if source in ("inbound", "outbound") else None,
                duplicate_of=dice.one_of(elsewhere) if outcome == DUPLICATE else None,
            )
        )

    def _additions(self, start: date, end: date) -> Iterator[tuple[date, int]]:
        """Seats added inside the term; yields what was won and when."""
        dice = self.dice
        for _ in range(dice.count(_ADD_ONS_A_YEAR[self.account.segment])):
            closes = start + timedelta(days=dice.whole(20, 350))
            # The months that are left are what is paid; Net ARR is the whole year's worth.
            months = max(1, round((end - closes).days / 30.4))
            arr = self._size(max(1, self.arr) * 0.2)
            outcome = WON if dice.happens(0.42) else LOST
            if closes > self.end or closes < self.start - timedelta(days=365):
                continue
            facts = self._facts("add_on", "additional seats", "growth", arr)
            facts["term_months"] = months
            self._tell(
                Script(
                    external_id=self._external_id("a"),
                    kind="add_on",
                    created=closes - timedelta(days=dice.whole(25, 120)),
                    closes=closes,
                    outcome=outcome,
                    amount=round(arr * months / 12),
                    facts=facts,
                    owner=self.account.owner,
                    colleagues=self.colleagues,
                )
            )
            if outcome == WON:
                yield closes, arr

    def _services(self, start: date, end: date) -> None:
        if not self.dice.happens(0.3):
            return
        closes = start + timedelta(days=self.dice.whole(10, 200))
        amount = round(self.dice.around(max(3000, self.arr * 0.12), 0.4) / 100) * 100
        facts = self._facts("professional_services", "implementation services", "ps_other", 0)
        facts |= {"seats": None, "services_amount": money(amount)}
        self._tell(
            Script(
                external_id=self._external_id("p"),
                kind="professional_services",
                created=closes - timedelta(days=self.dice.whole(10, 40)),
                closes=closes,
                outcome=WON if self.dice.happens(0.75) else LOST,
                amount=amount,
                facts=facts,
                owner=self.account.owner,
            )
        )

    def _renewal(self, start: date, end: date, additions: list[tuple[date, int]]) -> bool:
        """The term's end; false where the account leaves. What was added belongs to the basis, and
        what is added while the renewal is open moves it."""
        dice = self.dice
        opened = end - timedelta(days=_RENEWAL_NOTICE_DAYS + dice.whole(0, 20))
        early = sum(arr for day, arr in additions if day <= opened)
        basis = self.arr + early
        later = []
        running = basis
        for day, arr in sorted(additions):
            if day > opened:
                running += arr
                later.append((day, {"arr_basis": money(running)}))
        subscription = Subscription(
            f"{self.account.external_id}-s{start.isoformat()}",
            self.account.external_id, start, end, running,
            max(1, running // _PRICES[self.tier]), self.tier,
        )  # fmt: skip
        if start < self.today:
            self.book.subscriptions.append(subscription)
        outcome, renewed = self._renewal_outcome(running)
        self._open_renewal(subscription, opened, basis, outcome, renewed, tuple(later))
        self.arr = renewed
        return outcome == WON

    def _renewal_outcome(self, basis: int) -> tuple[str, int]:
        dice = self.dice
        lost = _LOST_RENEWALS[self.account.segment]
        what = dice.weighted({"lost": lost, "smaller": 0.24, "flat": 0.26, "larger": 0.5 - lost})
        if what == "lost":
            return LOST, 0
        factor = {"smaller": dice.between(0.6, 0.95), "flat": 1, "larger": dice.between(1.03, 1.3)}
        return WON, max(_PRICES[self.tier], round(basis * factor[what]))

    def _open_renewal(
        self,
        subscription: Subscription,
        opened: date,
        basis: int,
        outcome: str,
        renewed: int,
        later: tuple[tuple[date, dict[str, Any]], ...],
    ) -> None:
        dice = self.dice
        closes = subscription.end + timedelta(days=dice.whole(-25, 6))
        full = subscription.arr
        order_type = "churn_final" if outcome == LOST else "growth"
        if outcome == WON and renewed < full:
            order_type = "contraction"
        facts = self._facts("renewal", f"renewal {subscription.end.year}", order_type, full)
        facts |= {
            "arr_basis": money(basis),
            "subscription_external_id": subscription.external_id,
            "renewal_date": subscription.end.isoformat(),
            "quote_start_date": (subscription.end + timedelta(days=1)).isoformat(),
        }
        true_up = round(full / 2000) * 100 if full > 30_000 and dice.happens(0.15) else 0
        if true_up and outcome == WON:
            facts["true_up_amount"] = money(true_up)
            renewed += true_up
        shows = renewed < full and dice.happens(0.95)
        # What is feared may not exceed what the renewal is worth when the fear is told.
        expected = min(renewed, basis) if outcome == WON else 0
        if subscription.start >= self.today:
            return
        self._tell(
            Script(
                external_id=self._external_id("r"),
                kind="renewal",
                created=opened,
                closes=closes,
                outcome=outcome,
                amount=renewed if outcome == WON else full,
                facts=facts,
                owner=self.account.owner,
                colleagues=self.colleagues,
                basis=basis,
                expected=expected if shows else None,
                later=later,
            )
        )


def play(seed: int, account: Account, organisation: Organisation, today: date) -> Book:
    """The account's book as it stood at the end of yesterday."""
    return _Life(seed, account, organisation, today).play()
