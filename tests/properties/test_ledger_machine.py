"""Random stories of one workspace against a plain fold of all that was told.

Writes in any order of time, batches of any size, crashes at any statement, repeated deliveries;
then every table of the ledger and both axes must say what the reference says.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from services.forecast.audits.service import audit
from services.forecast.rebuild import rebuild
from services.forecast.recompute import post_batch
from services.forecast.tasks import settle
from services.kit import clock
from services.kit.ids import new_id
from services.workspace.outbox import KIND_OPPORTUNITY, OUTBOX
from tests.client import Stack
from tests.forecast import ledger_check
from tests.forecast.book import DEFAULTS, JANUARY, Book
from tests.forecast.crashing import CrashError, crashing

OWNERS = 3
amounts = st.none() | st.decimals(0, 5_000, places=2, allow_nan=False)
dates = st.none() | st.dates(date(2026, 2, 1), date(2027, 4, 30))
stages = st.sampled_from(
    ["pending_acceptance", "scoping", "proposal", "negotiating", "closed_won", "closed_lost"]
)
moments = st.integers(0, 150 * 24).map(lambda hours: JANUARY + timedelta(hours=hours))
changes = st.one_of(
    st.fixed_dictionaries({"amount": amounts}),
    st.fixed_dictionaries({"close_date": dates}),
    st.fixed_dictionaries({"stage": stages}),
    st.fixed_dictionaries({"owner": st.integers(0, OWNERS - 1)}),
    st.fixed_dictionaries({"stated_forecast_category": st.none() | st.just("commit")}),
    st.fixed_dictionaries({"region": st.sampled_from(["EMEA", "APAC"]), "amount": amounts}),
    st.fixed_dictionaries({"type": st.just("renewal"), "arr_basis": st.just(Decimal("90.00"))}),
    st.fixed_dictionaries({"stage": stages, "amount": amounts, "close_date": dates}),
    st.fixed_dictionaries({"next_step": st.text(max_size=3, alphabet="abc")}),
)


class LedgerMachine(RuleBasedStateMachine):
    """One workspace; its ledger is compared whenever nothing is due."""

    deals = Bundle("deals")
    stack: Stack
    loop: asyncio.AbstractEventLoop

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    @initialize()
    def begin(self) -> None:
        self.wait(self._begin())
        # What each batch left, to be asked for again at the end.
        self.left: dict[int, ledger_check.Cells] = {}

    async def _begin(self) -> None:
        api = await self.stack.new_workspace()
        await api.http.aclose()
        self.book = Book(self.stack.worker, api.workspace_id)
        for number in range(OWNERS):
            await self.book.add_user(f"user {number}")

    def told(self, change: dict[str, Any]) -> dict[str, Any]:
        return {
            **{name: value for name, value in change.items() if name != "owner"},
            **({"owner_id": self.book.users[change["owner"]]} if "owner" in change else {}),
        }

    @rule(target=deals, at=moments, amount=amounts, close=dates, owner=st.integers(0, OWNERS - 1))
    def open(self, at: Any, amount: Any, close: Any, owner: int) -> Any:
        return self.wait(
            self.book.open(at, amount=amount, close_date=close, owner_id=self.book.users[owner])
        )

    @rule(target=deals, at=moments, count=st.integers(1, 4))
    def open_many(self, at: Any, count: int) -> Any:
        ids = [new_id() for _ in range(count)]
        first = {**DEFAULTS, "owner_id": self.book.users[0]}
        self.wait(self.book.tell([(deal, at, first) for deal in ids]))
        return multiple(*ids)

    @rule(deal=deals, at=moments, change=changes)
    def change(self, deal: Any, at: Any, change: dict[str, Any]) -> None:
        self.wait(self.book.change(deal, at, **self.told(change)))

    @rule(deal=deals, story=st.lists(st.tuples(moments, changes), min_size=2, max_size=4))
    def tell_a_story(self, deal: Any, story: list[Any]) -> None:
        self.wait(self.book.tell([(deal, at, self.told(change)) for at, change in story]))

    @rule(deal=consumes(deals), at=moments)
    def lose(self, deal: Any, at: Any) -> None:
        self.wait(self.book.change(deal, at, stage="closed_lost"))

    @rule(limit=st.integers(1, 5))
    def post(self, limit: int) -> None:
        self.wait(post_batch(self.book.database, self.book.workspace_id, limit=limit))

    @rule(crash_at=st.integers(1, 18), after=st.booleans())
    def post_and_crash(self, crash_at: int, after: bool) -> None:
        dying = crashing(self.book.database, crash_at, after=after)
        # The batch may be over before it comes to that statement.
        with contextlib.suppress(CrashError):
            self.wait(post_batch(dying, self.book.workspace_id))

    @rule(deal=deals)
    def deliver_again(self, deal: Any) -> None:
        self.wait(self._deliver_again(deal))

    async def _deliver_again(self, deal: Any) -> None:
        await settle(self.book.database, self.book.workspace_id)
        async with self.book.database.write(self.book.workspace_id) as session:
            await OUTBOX.append(session, kind=KIND_OPPORTUNITY, subject_id=deal, version=1)

    @rule(hours=st.integers(-48, 0))
    def post_with_a_clock_behind(self, hours: int) -> None:
        instant = clock.now() + timedelta(hours=hours)
        with clock.replaced(lambda: instant):
            self.wait(post_batch(self.book.database, self.book.workspace_id))

    @rule()
    def audit(self) -> None:
        """Equal at any time, whatever is pending."""
        result = self.wait(audit(self.book.database, self.book.workspace_id))
        assert result.differences == []

    @rule()
    def rebuild(self) -> None:
        """Nothing to correct, ever."""
        result = self.wait(rebuild(self.book.database, self.book.workspace_id))
        assert result.is_unchanged

    @rule(moment=moments)
    def compare(self, moment: Any) -> None:
        self.wait(self._compare(moment))

    async def _compare(self, moment: Any) -> None:
        await settle(self.book.database, self.book.workspace_id)
        sequence = await ledger_check.check(self.book)
        self.left[sequence] = ledger_check.expected_cells(self.book)
        occurred = await ledger_check.cells_occurred(self.book, moment)
        assert occurred == ledger_check.expected_cells(self.book, moment)

    @invariant()
    def sums_agree(self) -> None:
        """At any time, also between batches: cells are the sum of positions and of entries."""
        if not hasattr(self, "book"):
            return
        cells = self.wait(ledger_check.cells_now(self.book))
        assert cells == self.wait(ledger_check.cells_of_positions(self.book))
        assert cells == self.wait(ledger_check.cells_of_buckets(self.book, 2))

    def teardown(self) -> None:
        if not hasattr(self, "book"):
            return
        self.wait(self._compare(JANUARY + timedelta(days=75)))
        for sequence, cells in self.left.items():
            assert self.wait(ledger_check.cells_recorded(self.book, sequence)) == cells


async def test_ledger_machine(stack: Stack) -> None:
    loop = asyncio.get_running_loop()

    class Machine(LedgerMachine):
        pass

    Machine.stack = stack
    Machine.loop = loop
    await asyncio.to_thread(
        run_state_machine_as_test,
        Machine,
        settings=settings(
            settings.get_profile("leadline"), max_examples=12, stateful_step_count=25
        ),
    )
