"""Due events become figures: once, all or nothing, in order, whatever happens in between."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.forecast.audits.service import audit
from services.forecast.domain import ALL_DIMENSIONS, MEASURES
from services.forecast.recompute import post_batch
from services.forecast.tasks import settle
from services.kit import clock
from services.kit.ids import new_id
from services.pipeline import events as pipeline
from services.workspace.outbox import KIND_OPPORTUNITY, KIND_QUOTA, KIND_REPORTING_LINE, OUTBOX
from tests.client import Api
from tests.forecast import ledger_check
from tests.forecast.book import CLOSE_DATE, DEFAULTS, JANUARY, QUARTER, Book
from tests.forecast.crashing import CrashError, crashing

DAY = timedelta(days=1)


@pytest.fixture
async def book(api: Api) -> Book:
    book = Book(api.database(), api.workspace_id)
    await book.add_user("ana")
    await book.add_user("ben")
    return book


async def rows(book: Book, statement: str, *args: Any) -> list[Any]:
    async with book.database.read(book.workspace_id) as session:
        return await session.fetch(statement, book.workspace_id, *args)


async def total(book: Book, measure: str, owner: UUID | None = None) -> Decimal:
    cells = await ledger_check.cells_now(book)
    place = MEASURES.index(measure)
    return sum(
        (
            measures[place]
            for (_, dimensions, cell_owner), measures in cells.items()
            if dimensions == ALL_DIMENSIONS and owner in (None, cell_owner)
        ),
        Decimal("0.00"),
    )


async def pending(book: Book) -> int:
    async with book.database.read(book.workspace_id) as session:
        return await pipeline.count_pending(session, clock.now())


class TestPosting:
    async def test_nothing_due_is_nothing_done(self, book: Book) -> None:
        assert await post_batch(book.database, book.workspace_id) is None

    async def test_an_opportunity_counts_in_its_quarter_and_for_its_owner(self, book: Book) -> None:
        await book.open(amount=Decimal("250.00"))
        result = await post_batch(book.database, book.workspace_id)
        assert result is not None
        assert (result.posted, result.first_sequence, result.failed) == (1, 1, 0)
        assert await total(book, "open_pipeline", book.users[0]) == Decimal("250.00")
        assert {key[0] for key in await ledger_check.cells_now(book)} == {QUARTER}
        await ledger_check.check(book)

    async def test_every_kind_of_change_adds_up(self, book: Book) -> None:
        deal = await book.open()
        await book.change(deal, JANUARY + DAY, amount=Decimal("70.00"))
        await book.change(deal, JANUARY + 2 * DAY, owner_id=book.users[1])
        await book.change(deal, JANUARY + 3 * DAY, close_date=CLOSE_DATE + 40 * DAY)
        await book.change(deal, JANUARY + 4 * DAY, region="APAC", segment="large")
        await book.change(deal, JANUARY + 5 * DAY, stage="closed_won")
        await settle(book.database, book.workspace_id)
        assert await ledger_check.check(book) == 6
        causes = await rows(
            book,
            "SELECT DISTINCT cause FROM forecast.entries WHERE workspace_id = $1 ORDER BY cause",
        )
        assert [row["cause"] for row in causes] == [
            "amount_down", "opened", "owner_in", "owner_out", "pushed_out", "type_changed", "won",
        ]  # fmt: skip

    async def test_a_version_without_effect_is_posted_and_moves_nothing(self, book: Book) -> None:
        deal = await book.open()
        await settle(book.database, book.workspace_id)
        await book.change(deal, JANUARY + DAY, next_step="call again")
        await settle(book.database, book.workspace_id)
        assert await ledger_check.check(book) == 2
        assert len(await rows(book, "SELECT 1 FROM forecast.entries WHERE workspace_id = $1")) == 1

    async def test_a_batch_takes_at_most_its_limit(self, book: Book) -> None:
        await book.tell(
            [(new_id(), JANUARY, {**DEFAULTS, "owner_id": book.users[0]}) for _ in range(5)]
        )
        sizes = []
        while result := await post_batch(book.database, book.workspace_id, limit=2):
            sizes.append(result.posted)
        assert sizes == [2, 2, 1]
        await ledger_check.check(book)

    async def test_a_workspace_sees_nothing_of_another(self, book: Book, other_api: Api) -> None:
        await book.open()
        assert await settle(other_api.database(), other_api.workspace_id) == 0
        assert await pending(book) == 1

    async def test_one_event_takes_few_statements(self, book: Book) -> None:
        deal = await book.open()
        await settle(book.database, book.workspace_id)
        await book.change(deal, JANUARY + DAY, amount=Decimal("70.00"))
        counting = crashing(book.database)
        await post_batch(counting, book.workspace_id)
        assert counting.pool.statements <= 16


class TestToldLate:
    async def test_a_late_version_moves_every_later_moment_it_changes(self, book: Book) -> None:
        deal = await book.open(JANUARY, amount=Decimal("100.00"))
        await book.change(deal, JANUARY + 60 * DAY, close_date=CLOSE_DATE + 100 * DAY)
        await settle(book.database, book.workspace_id)
        await book.change(deal, JANUARY + 30 * DAY, amount=Decimal("150.00"))
        await settle(book.database, book.workspace_id)
        await ledger_check.check(book)
        for days in (0, 29, 30, 59, 60, 61):
            moment = JANUARY + days * DAY
            occurred = await ledger_check.cells_occurred(book, moment)
            assert occurred == ledger_check.expected_cells(book, moment), days

    async def test_all_in_one_batch_is_the_same(self, book: Book) -> None:
        deal = await book.open(JANUARY + 10 * DAY, amount=Decimal("100.00"))
        await book.change(deal, JANUARY + 60 * DAY, amount=Decimal("200.00"))
        await book.change(deal, JANUARY, amount=Decimal("150.00"))
        await book.change(deal, JANUARY + 30 * DAY, owner_id=book.users[1])
        await settle(book.database, book.workspace_id)
        await ledger_check.check(book)
        for days in (-1, 0, 9, 10, 29, 30, 60):
            moment = JANUARY + days * DAY
            occurred = await ledger_check.cells_occurred(book, moment)
            assert occurred == ledger_check.expected_cells(book, moment), days


class TestOnce:
    async def test_a_second_delivery_changes_nothing(self, book: Book) -> None:
        deal = await book.open()
        await settle(book.database, book.workspace_id)
        before = await ledger_check.cells_now(book)
        async with book.database.write(book.workspace_id) as session:
            await OUTBOX.append(session, kind=KIND_OPPORTUNITY, subject_id=deal, version=1)
        await book.change(deal, JANUARY, amount=Decimal("7.00"))
        assert (await audit(book.database, book.workspace_id)).differences == []
        await book.change(deal, JANUARY, amount=DEFAULTS["amount"])
        await settle(book.database, book.workspace_id)
        assert await ledger_check.cells_now(book) == before
        assert await ledger_check.check(book) == 3

    async def test_two_workers_at_once_post_each_event_once(self, book: Book) -> None:
        for number in range(6):
            deal = await book.open()
            await book.change(deal, JANUARY + DAY, amount=Decimal(number))
        await asyncio.gather(*(settle(book.database, book.workspace_id) for _ in range(3)))
        assert await ledger_check.check(book) == 12

    async def test_only_one_holds_the_cursor(self, book: Book) -> None:
        await book.open()
        await settle(book.database, book.workspace_id)
        await book.open()
        async with book.database.write(book.workspace_id) as session:
            await session.fetch(
                "SELECT 1 FROM forecast.cursors WHERE workspace_id = $1 FOR UPDATE",
                book.workspace_id,
            )
            assert await post_batch(book.database, book.workspace_id) is None
        assert await post_batch(book.database, book.workspace_id) is not None

    @pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
    async def test_a_crash_at_any_statement_changes_nothing(self, book: Book, after: bool) -> None:
        deal = await book.open()
        await settle(book.database, book.workspace_id)
        crash_at = 0
        while True:
            crash_at += 1
            await book.change(deal, JANUARY + crash_at * DAY, amount=Decimal(crash_at))
            dying = crashing(book.database, crash_at, after=after)
            try:
                await post_batch(dying, book.workspace_id)
            except CrashError:
                pass
            else:
                break
            await settle(book.database, book.workspace_id)
            await ledger_check.check(book)
        assert crash_at > 12


class TestOrder:
    async def test_a_late_committer_is_not_missed(self, book: Book) -> None:
        slow, quick = new_id(), new_id()
        change = {**DEFAULTS, "owner_id": book.users[0]}
        async with book.database.write(book.workspace_id) as session:
            await book.write(session, [(slow, JANUARY, change)])
            await book.tell([(quick, JANUARY, change)])
            assert await settle(book.database, book.workspace_id) == 1
        book.versions[slow] = [(JANUARY, change)]
        assert await settle(book.database, book.workspace_id) == 1
        await ledger_check.check(book)

    async def test_versions_whose_rows_lie_in_the_wrong_order(self, book: Book) -> None:
        deal = await book.open()
        await book.change(deal, JANUARY + DAY, amount=Decimal("7.00"))
        await book.change(deal, JANUARY + 2 * DAY, amount=Decimal("9.00"))
        async with book.database.write(book.workspace_id) as session:
            # As if the machine that wrote version 1 had a clock far ahead.
            await session.execute(
                "UPDATE pipeline.outbox SET id = $2 WHERE workspace_id = $1 AND version = 1",
                book.workspace_id,
                new_id(),
            )
        while await post_batch(book.database, book.workspace_id, limit=1):
            pass
        assert await ledger_check.check(book) == 3

    async def test_batches_increase_when_the_clock_goes_back(self, book: Book) -> None:
        now = clock.now()
        for hours in (0, -5, -9, 3):
            instant = now + timedelta(hours=hours)
            with clock.replaced(lambda instant=instant: instant):
                await book.open()
                await settle(book.database, book.workspace_id)
        assert await ledger_check.check(book) == 4

    async def test_a_row_due_later_waits(self, book: Book) -> None:
        now = clock.now()
        async with book.database.write(book.workspace_id) as session:
            await OUTBOX.append(
                session, kind=KIND_REPORTING_LINE, subject_id=new_id(), due_at=now + DAY
            )
        assert await settle(book.database, book.workspace_id) == 0
        assert await pending(book) == 0
        with clock.replaced(lambda: now + DAY):
            assert await pending(book) == 1
            assert await settle(book.database, book.workspace_id) == 1


class TestOtherKinds:
    async def test_a_quota_gets_the_sequence_of_its_event(self, book: Book) -> None:
        quota_id = new_id()
        await book.open()
        async with book.database.write(book.workspace_id) as session:
            await session.execute(
                """
                INSERT INTO forecast.quotas (workspace_id, id, period, user_id, amount,
                    recorded_at, recorded_by) VALUES ($1, $2, 'FY27-Q2', $3, 10, $4, 'test')
                """,
                book.workspace_id, quota_id, book.users[0], clock.now(),
            )  # fmt: skip
            await OUTBOX.append(session, kind=KIND_QUOTA, subject_id=quota_id)
        assert await settle(book.database, book.workspace_id) == 2
        (quota,) = await rows(book, "SELECT sequence FROM forecast.quotas WHERE workspace_id = $1")
        assert quota["sequence"] == 2


class TestPoison:
    async def test_a_poisoned_event_is_parked_and_the_rest_goes_on(self, book: Book) -> None:
        bad = await book.open(stage="discovery")
        good = await book.open()
        await self.poison(book, bad)
        await book.change(good, JANUARY + DAY, amount=Decimal("5.00"))
        await settle(book.database, book.workspace_id)
        assert await total(book, "open_pipeline") == Decimal("5.00")
        (parked,) = await rows(
            book,
            """
            SELECT attempts, last_error, parked_at FROM pipeline.outbox
            WHERE workspace_id = $1 AND parked_at IS NOT NULL
            """,
        )
        assert parked["attempts"] == 5
        assert "KeyError" in parked["last_error"]
        assert await pending(book) == 1

    async def test_later_versions_of_a_parked_opportunity_wait_with_it(self, book: Book) -> None:
        bad = await book.open()
        await self.poison(book, bad)
        await settle(book.database, book.workspace_id)
        await book.change(bad, JANUARY + DAY, amount=Decimal("5.00"))
        assert await settle(book.database, book.workspace_id) == 0
        assert await pending(book) == 2

    async def test_released_it_is_posted_when_its_cause_is_repaired(self, book: Book) -> None:
        bad = await book.open()
        await self.poison(book, bad)
        await settle(book.database, book.workspace_id)
        await self.poison(book, bad, stage="discovery")
        async with book.database.write(book.workspace_id) as session:
            assert await pipeline.release_parked(session) == 1
        assert await settle(book.database, book.workspace_id) == 1
        await ledger_check.check(book)

    async def test_a_failed_event_is_left_alone_until_it_is_wanted_again(self, book: Book) -> None:
        bad = await book.open()
        await self.poison(book, bad)
        first = await post_batch(book.database, book.workspace_id)
        assert first is not None
        assert (first.posted, first.failed) == (0, 1)
        assert await post_batch(book.database, book.workspace_id) is None
        assert await post_batch(book.database, book.workspace_id, retry_failed=True) is not None

    async def test_what_postgres_refuses_is_isolated(self, book: Book) -> None:
        largest = Decimal("9000000000000000.00")
        deals = [await book.open(amount=largest)]
        await settle(book.database, book.workspace_id)
        amounts = (Decimal(1), Decimal(2), largest, Decimal(3))
        deals += [await book.open(amount=amount) for amount in amounts]
        await settle(book.database, book.workspace_id)
        assert await pending(book) == 1
        posted = await rows(
            book, "SELECT opportunity_id FROM forecast.positions WHERE workspace_id = $1"
        )
        assert {row["opportunity_id"] for row in posted} == {*deals} - {deals[3]}

    async def poison(self, book: Book, deal: UUID, stage: str = "no such stage") -> None:
        async with book.database.write(book.workspace_id) as session:
            await session.execute(
                """
                UPDATE pipeline.opportunity_events
                SET changes = jsonb_set(changes, '{stage}', to_jsonb($3::text))
                WHERE workspace_id = $1 AND opportunity_id = $2
                """,
                book.workspace_id, deal, stage,
            )  # fmt: skip
