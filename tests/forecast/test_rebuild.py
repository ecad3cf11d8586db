"""An audit finds what is wrong in any table of the ledger; a rebuild corrects it, by entries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from services.forecast.audits.service import audit
from services.forecast.audits.tasks import run_due
from services.forecast.rebuild import rebuild
from services.forecast.tasks import settle
from services.kit.db import Database, WriteSession
from services.kit.ids import new_id
from tests.client import Api
from tests.forecast import ledger_check
from tests.forecast.book import DEFAULTS, JANUARY, Book

DAY = timedelta(days=1)

# What can be wrong, and in which tables an audit must say so.
DAMAGES = {
    "a position of another value": (
        "UPDATE forecast.positions SET open_pipeline = open_pipeline + 1 WHERE workspace_id = $1",
        {"positions"},
    ),
    "positions of other inputs": (
        """UPDATE forecast.positions SET inputs = jsonb_set(inputs, '{region}', '"APAC"')
        WHERE workspace_id = $1""",
        {"positions"},
    ),
    "a position that is gone": (
        """DELETE FROM forecast.positions WHERE workspace_id = $1 AND opportunity_id = (
            SELECT min(opportunity_id::text)::uuid FROM forecast.positions
            WHERE workspace_id = $1)""",
        {"positions"},
    ),
    "a position of nothing": (
        """UPDATE forecast.positions SET opportunity_id = gen_random_uuid()
        WHERE workspace_id = $1 AND opportunity_id = (
            SELECT min(opportunity_id::text)::uuid FROM forecast.positions
            WHERE workspace_id = $1)""",
        {"positions"},
    ),
    "a cell off by a cent": (
        """UPDATE forecast.cells SET open_pipeline = open_pipeline + 0.01
        WHERE workspace_id = $1 AND dimensions_id = '00000000-0000-0000-0000-000000000000'""",
        {"cells", "cell_history"},
    ),
    "cells that are gone": (
        "DELETE FROM forecast.cells WHERE workspace_id = $1",
        {"cells"},
    ),
    "a balance that was not kept": (
        """DELETE FROM forecast.cell_history WHERE workspace_id = $1 AND sequence = (
            SELECT max(sequence) FROM forecast.cell_history WHERE workspace_id = $1)""",
        {"cell_history"},
    ),
    "entries that are gone": (
        "DELETE FROM forecast.entries WHERE workspace_id = $1 AND cause = 'opened'",
        {"entries", "occurred_buckets"},
    ),
    "a day block off": (
        """UPDATE forecast.occurred_buckets SET open_count = open_count + 1
        WHERE workspace_id = $1 AND level = 1""",
        {"occurred_buckets"},
    ),
}


@pytest.fixture
async def book(api: Api) -> Book:
    """Four opportunities with some history, all posted."""
    book = Book(api.database(), api.workspace_id)
    await book.add_user("ana")
    await book.add_user("ben")
    for number in range(4):
        deal = await book.open(JANUARY + number * DAY, amount=Decimal(100 + number))
        await book.change(deal, JANUARY + 90 * DAY, owner_id=book.users[number % 2])
        await settle(book.database, book.workspace_id)
        await book.change(deal, JANUARY + 20 * DAY, amount=Decimal(50 * number))
    await settle(book.database, book.workspace_id)
    return book


async def spoil(book: Book, statement: str) -> None:
    async with book.database.write(book.workspace_id) as session:
        await session.execute(statement, book.workspace_id)


class TestAudit:
    async def test_an_untouched_ledger_is_equal(self, book: Book) -> None:
        result = await audit(book.database, book.workspace_id)
        assert (result.is_equal, result.opportunities, result.differences) == (True, 4, [])
        assert result.sequence == 12

    async def test_an_empty_workspace_is_equal(self, api: Api) -> None:
        assert (await audit(api.database(), api.workspace_id)).is_equal

    async def test_what_is_pending_is_no_difference(self, book: Book) -> None:
        deal = next(iter(book.versions))
        await book.change(deal, JANUARY + 95 * DAY, amount=Decimal("7.00"))
        await book.change(deal, JANUARY + 10 * DAY, amount=Decimal("8.00"))
        await book.open()
        assert (await audit(book.database, book.workspace_id)).is_equal

    @pytest.mark.parametrize("damage", DAMAGES)
    async def test_damage_is_found(self, book: Book, damage: str) -> None:
        statement, tables = DAMAGES[damage]
        await spoil(book, statement)
        result = await audit(book.database, book.workspace_id)
        assert {difference["table"] for difference in result.differences} == tables
        assert result.difference_count == len(result.differences)

    async def test_a_difference_is_said_to_the_cent(self, book: Book) -> None:
        await spoil(book, DAMAGES["a cell off by a cent"][0])
        result = await audit(book.database, book.workspace_id)
        difference = next(found for found in result.differences if found["table"] == "cells")
        sides = difference["measures"]["open_pipeline"]
        assert Decimal(sides["found"]) - Decimal(sides["expected"]) == Decimal("0.01")

    async def test_an_event_that_lost_its_outbox_row_is_found(self, book: Book) -> None:
        deal = next(iter(book.versions))
        await book.change(deal, JANUARY + 95 * DAY, amount=Decimal("7.00"))
        await spoil(book, "DELETE FROM pipeline.outbox WHERE workspace_id = $1")
        result = await audit(book.database, book.workspace_id)
        assert {difference["table"] for difference in result.differences} >= {"positions"}

    async def test_writers_and_the_worker_go_on_meanwhile(self, book: Book) -> None:
        async def write() -> None:
            for number in range(8):
                await book.open(amount=Decimal(number))
                await settle(book.database, book.workspace_id)

        results, _ = await asyncio.gather(
            asyncio.gather(*(audit(book.database, book.workspace_id) for _ in range(3))), write()
        )
        assert [result.differences for result in results] == [[], [], []]


class TestAuditOverHttp:
    async def test_asked_for_run_and_read(self, api: Api, book: Book) -> None:
        queued = await api.call("POST", "/forecast/v1/audits")
        assert (queued["status"], queued["equal"]) == ("queued", None)
        await run_due(api.database())
        done = await api.call("GET", f"/forecast/v1/audits/{queued['id']}")
        assert (done["status"], done["equal"], done["differences"]) == ("done", True, [])
        assert done["opportunities"] == 4

    async def test_differences_are_listed(self, api: Api, book: Book) -> None:
        await spoil(book, DAMAGES["a cell off by a cent"][0])
        queued = await api.call("POST", "/forecast/v1/audits")
        await run_due(api.database())
        done = await api.call("GET", f"/forecast/v1/audits/{queued['id']}")
        assert done["equal"] is False
        assert done["difference_count"] == len(done["differences"]) > 0

    async def test_another_workspace_does_not_see_it(self, api: Api, other_api: Api) -> None:
        queued = await api.call("POST", "/forecast/v1/audits")
        answer = await other_api.request("GET", f"/forecast/v1/audits/{queued['id']}")
        assert (answer.status_code, answer.json()["code"]) == (404, "audit_not_found")

    async def test_a_rep_may_not_ask(self, api: Api, book: Book) -> None:
        rep = await api.client_for("rep", "ana")
        assert (await rep.request("POST", "/forecast/v1/audits")).status_code == 403


class TestRebuild:
    async def test_what_is_right_stays_untouched(self, book: Book) -> None:
        result = await rebuild(book.database, book.workspace_id)
        assert result.is_unchanged
        assert (result.opportunities, result.sequence) == (4, 12)

    @pytest.mark.parametrize("damage", DAMAGES)
    async def test_damage_is_repaired(self, book: Book, damage: str) -> None:
        await spoil(book, DAMAGES[damage][0])
        result = await rebuild(book.database, book.workspace_id)
        assert not result.is_unchanged
        assert (await audit(book.database, book.workspace_id)).differences == []
        expected = ledger_check.expected_cells(book)
        assert await ledger_check.cells_now(book) == expected
        assert await ledger_check.cells_recorded(book, result.sequence) == expected
        assert (await rebuild(book.database, book.workspace_id)).is_unchanged

    async def test_events_that_lost_their_outbox_row_are_made_good(self, book: Book) -> None:
        deal = next(iter(book.versions))
        await book.change(deal, JANUARY + 95 * DAY, amount=Decimal("7.00"))
        await book.open()
        await spoil(book, "DELETE FROM pipeline.outbox WHERE workspace_id = $1")
        result = await rebuild(book.database, book.workspace_id)
        assert result.corrected_opportunities == 2
        assert await ledger_check.cells_now(book) == ledger_check.expected_cells(book)
        causes = await self.causes(book)
        assert causes["correction"] == 2
        await book.change(deal, JANUARY + 30 * DAY, amount=Decimal("9.00"))
        await settle(book.database, book.workspace_id)
        assert await ledger_check.cells_now(book) == ledger_check.expected_cells(book)
        assert (await audit(book.database, book.workspace_id)).is_equal

    async def test_history_stays_as_it_was_told(self, book: Book) -> None:
        before = await ledger_check.cells_recorded(book, 6)
        await spoil(book, DAMAGES["a position of another value"][0])
        await rebuild(book.database, book.workspace_id)
        assert await ledger_check.cells_recorded(book, 6) == before

    async def test_it_works_beside_the_worker(self, book: Book) -> None:
        async def write() -> None:
            for number in range(8):
                await book.tell(
                    [(new_id(), JANUARY, {**DEFAULTS, "owner_id": book.users[number % 2]})]
                )
                await settle(book.database, book.workspace_id)

        await spoil(book, DAMAGES["cells that are gone"][0])
        await asyncio.gather(write(), rebuild(book.database, book.workspace_id))
        assert (await audit(book.database, book.workspace_id)).differences == []
        assert await ledger_check.cells_now(book) == ledger_check.expected_cells(book)

    async def causes(self, book: Book) -> dict[str, Any]:
        async with book.database.read(book.workspace_id) as session:
            rows = await session.fetch(
                "SELECT cause, count(*) FROM forecast.entries WHERE workspace_id = $1 GROUP BY 1",
                book.workspace_id,
            )
        return dict(map(tuple, rows))

    async def test_it_ends_while_others_keep_writing(self, book: Book) -> None:
        class Busy(Database):
            """Somebody writes each time a transaction of this one has ended."""

            @asynccontextmanager
            async def write(self, workspace_id: UUID | None) -> AsyncIterator[WriteSession]:
                async with super().write(workspace_id) as session:
                    yield session
                await book.open()

        busy = Busy(book.database.pool, book.database.role)
        result = await asyncio.wait_for(rebuild(busy, book.workspace_id), 20)
        assert result.is_unchanged
