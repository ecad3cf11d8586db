"""Writes versions of opportunities the way pipeline does: row, event and outbox row in one
transaction. For tests of the ledger that need exact control of versions and instants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.db import Database, WriteSession
from services.kit.ids import new_id
from services.pipeline.opportunities.net_arr import net_arr
from services.pipeline.views import FIGURE_FIELDS, FigureInputs, derive
from services.workspace.fiscal import UNDATED, calendar_for
from services.workspace.outbox import KIND_OPPORTUNITY, OUTBOX
from services.workspace.policy import SOP_2022

CALENDAR = calendar_for(2, "America/Los_Angeles")
CLOSE_DATE = date(2026, 7, 31)
QUARTER = CALENDAR.quarter_key(CLOSE_DATE)
JANUARY = datetime(2026, 1, 10, 12, tzinfo=UTC)

DEFAULTS: dict[str, Any] = {
    "policy_version": 1,
    "type": "new_business",
    "order_type": "new_first_order",
    "stage": "discovery",
    "amount": Decimal("100.00"),
    "term_months": 12,
    "currency": "USD",
    "close_date": CLOSE_DATE,
    "segment": "mid_market",
    "region": "EMEA",
}

_COLUMNS = (
    "workspace_id", "id", "version", "name", "forecast_category", "net_arr",
    "close_fiscal_quarter", "contact_external_ids", "splits", "push_count", "stage_entered_at",
    "stated_fields", "occurred_at", "created_at", "updated_at", *FIGURE_FIELDS,
)  # fmt: skip
_INSERT = f"""
    INSERT INTO pipeline.opportunities ({", ".join(_COLUMNS)})
    VALUES ({", ".join(f"${number + 1}" for number in range(len(_COLUMNS)))})
    ON CONFLICT (workspace_id, id) DO UPDATE SET
        {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])}
"""


class Book:
    """The opportunities of one workspace, as told so far."""

    def __init__(self, database: Database, workspace_id: UUID) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.versions: dict[UUID, list[tuple[datetime, dict[str, Any]]]] = {}
        self.users: list[UUID] = []

    async def add_user(self, name: str = "ana") -> UUID:
        user_id = new_id()
        async with self.database.write(self.workspace_id) as session:
            await session.execute(
                """
                INSERT INTO workspace.users (workspace_id, id, external_id, name, role, plan_type,
                    active, version, created_at, updated_at)
                VALUES ($1, $2, $3, $3, 'rep', 'net', true, 1, $4, $4)
                """,
                self.workspace_id,
                user_id,
                name,
                clock.now(),
            )
        self.users.append(user_id)
        return user_id

    def inputs(self, opportunity_id: UUID) -> FigureInputs:
        """All versions told so far, in their order."""
        changes: dict[str, Any] = {}
        for _, told in self.versions[opportunity_id]:
            changes.update(told)
        return FigureInputs.from_changes(changes)

    async def open(self, occurred_at: datetime = JANUARY, **changes: Any) -> UUID:
        """A first version, with DEFAULTS and the first user for what is not given."""
        opportunity_id = new_id()
        await self.tell(
            [(opportunity_id, occurred_at, {**DEFAULTS, "owner_id": self.users[0], **changes})]
        )
        return opportunity_id

    async def change(self, opportunity_id: UUID, occurred_at: datetime, **changes: Any) -> None:
        await self.tell([(opportunity_id, occurred_at, changes)])

    async def tell(self, told: Iterable[tuple[UUID, datetime, dict[str, Any]]]) -> None:
        """One transaction with a version for each (opportunity, occurred_at, changes)."""
        told = list(told)
        async with self.database.write(self.workspace_id) as session:
            await self.write(session, told)
        for opportunity_id, occurred_at, changes in told:
            self.versions.setdefault(opportunity_id, []).append((occurred_at, changes))

    async def write(
        self,
        session: WriteSession,
        told: Iterable[tuple[UUID, datetime, Mapping[str, Any]]],
    ) -> None:
        pending: dict[UUID, list[Mapping[str, Any]]] = {}
        for opportunity_id, occurred_at, changes in told:
            earlier = pending.setdefault(
                opportunity_id, [known for _, known in self.versions.get(opportunity_id, [])]
            )
            earlier.append(changes)
            merged: dict[str, Any] = {}
            for known in earlier:
                merged.update(known)
            inputs = FigureInputs.from_changes(merged)
            await self._write_version(
                session, opportunity_id, len(earlier), occurred_at, changes, inputs
            )

    async def _write_version(
        self,
        session: WriteSession,
        opportunity_id: UUID,
        version: int,
        occurred_at: datetime,
        changes: Mapping[str, Any],
        inputs: FigureInputs,
    ) -> None:
        now = clock.now()
        state = derive(inputs, SOP_2022)
        quarter = UNDATED if inputs.close_date is None else CALENDAR.quarter_key(inputs.close_date)
        await session.execute(
            _INSERT,
            self.workspace_id, opportunity_id, version, "Deal", state.forecast_category,
            net_arr(inputs)[0], quarter, [], [], 0, now, [], occurred_at, now, now, *inputs,
        )  # fmt: skip
        event_id = new_id()
        await session.execute(
            """
            INSERT INTO pipeline.opportunity_events (workspace_id, opportunity_id, version, id,
                kind, changes, previous, occurred_at, recorded_at, actor)
            VALUES ($1, $2, $3, $4, 'changed', $5, '{}', $6, $7, 'test')
            """,
            self.workspace_id, opportunity_id, version, event_id,
            {name: str(value) if isinstance(value, Decimal | date | UUID) else value
             for name, value in changes.items()},
            occurred_at, now,
        )  # fmt: skip
        await OUTBOX.append(
            session,
            kind=KIND_OPPORTUNITY,
            subject_id=opportunity_id,
            version=version,
            event_id=event_id,
        )
