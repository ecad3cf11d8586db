"""Use cases of the special cases of Net ARR. Each is one transaction: the records it needs are
written as anybody's would be, and links keep what belongs to what, so that saying it twice makes
nothing twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.kit import clock
from services.kit.db import WriteSession
from services.kit.errors import InvalidPayloadError, ServiceError
from services.kit.money import ZERO
from services.pipeline.bookings import domain, repository
from services.pipeline.bookings.errors import SpecialCaseError
from services.pipeline.opportunities import repository as opportunities
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.booked import is_month_locked, month_lock_ends
from services.pipeline.opportunities.booking_errors import booking_error, month_locked
from services.pipeline.opportunities.bookings import is_booked, too_far_away
from services.pipeline.opportunities.context import circumstances_of
from services.pipeline.opportunities.drafts import Circumstances
from services.pipeline.opportunities.errors import (
    ExternalIdTakenError,
    OpportunityNotFoundError,
)
from services.pipeline.opportunities.linked import acting
from services.pipeline.opportunities.net_arr import REVERSING_CATEGORIES
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.service import describe, upsert_many
from services.pipeline.opportunities.stages import STAGE

_UNCOUNTED = frozenset({"unqualified", "duplicate"})


@dataclass(frozen=True, slots=True)
class Made:
    """What a use case leaves: its opportunities, the first being the one it was asked of where that
    is part of it, and the Net ARR they have together."""

    kind: str
    content: list[dict[str, Any]]
    net_arr: Decimal
    is_new: bool
    is_dry_run: bool

    @property
    def status(self) -> int:
        return 201 if self.is_new and not self.is_dry_run else 200

    def told(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "dry_run": self.is_dry_run,
            "net_arr": self.net_arr,
            "opportunities": self.content,
        }


@dataclass(slots=True)
class Case:
    """One use case on its way: who asks, about which locked record, under what circumstances."""

    session: WriteSession
    actor: Actor
    row: Row
    circumstances: Circumstances
    is_dry_run: bool
    links: list[dict[str, Any]] = field(default_factory=list)

    @property
    def today(self) -> date:
        return self.circumstances.calendar.local_date(self.circumstances.now)

    @property
    def now(self) -> datetime:
        return self.circumstances.now

    async def write(
        self,
        kind: str,
        statements: Sequence[Mapping[str, Any]],
        kinds: Sequence[str | None],
        *,
        reason: str,
        details: Sequence[dict[str, Any]] = (),
    ) -> Made:
        """Writes all or raises; `kinds` says for each statement what links its record to the one
        this is about, None for what is not linked."""
        await self._check_names(statements)
        outcomes = await upsert_many(
            self.session, acting(self.actor), statements, reason=reason,
            is_stored=not self.is_dry_run,
        )  # fmt: skip
        rows, is_new = [], False
        for place, (outcome, link) in enumerate(zip(outcomes, kinds, strict=True)):
            if isinstance(outcome, ServiceError):
                raise outcome
            rows.append(outcome.record)
            is_new = is_new or outcome.created
            if link is not None:
                self.links.append(
                    {
                        "opportunity_id": outcome.id, "kind": link, "source_id": self.row["id"],
                        "position": place, "details": details[place] if details else {},
                        "actor": self.actor.name, "created_at": self.now,
                    }
                )  # fmt: skip
        if not self.is_dry_run:
            await repository.link(self.session, self.links)
        return await self.answer(kind, rows, is_new=is_new)

    async def answer(self, kind: str, rows: Sequence[Row], *, is_new: bool = False) -> Made:
        counted = [row["net_arr"] for row in rows if row["stage"] not in _UNCOUNTED]
        content = await describe(self.session, list(rows))
        return Made(kind, content, sum(counted, ZERO), is_new, self.is_dry_run)

    def check_close_date(self, pointer: str, close_date: date | None) -> None:
        """What is made here is recorded, so a typing error is refused before."""
        sentence = close_date and too_far_away(close_date, self.circumstances)
        if sentence:
            raise InvalidPayloadError.one(pointer, "closes_far_away", sentence)

    async def _check_names(self, statements: Sequence[Mapping[str, Any]]) -> None:
        """A record of somebody else's that has the name of one to be made is left alone."""
        names = [each["external_id"] for each in statements if "id" not in each]
        rows = await opportunities.lock_many(self.session, external_ids=names)
        links = await repository.links_of(self.session, [row["id"] for row in rows])
        for row in rows:
            if row["id"] not in links:
                raise ExternalIdTakenError(row["external_id"], row["id"])


async def open_case(
    session: WriteSession, actor: Actor, opportunity_id: UUID, *, is_dry_run: bool = False
) -> Case:
    """The record locked, or the error that says one may not write it."""
    rows = await opportunities.lock_many(session, ids=[opportunity_id])
    if not rows or not actor.may_write(rows[0]["owner_id"]):
        raise OpportunityNotFoundError(opportunity_id)
    now = clock.now()
    circumstances = await circumstances_of(session, actor, now=now, is_recording=True)
    return Case(session, actor, rows[0], circumstances, is_dry_run)


async def ramp(case: Case, years: Sequence[domain.RampYear]) -> Made:
    """An open deal as one opportunity for each year of its ramp."""
    row, session = case.row, case.session
    gap = domain.ramp_gap(years)
    if gap is not None:
        raise InvalidPayloadError.one(
            f"/years/{gap}/start_date", "dates_out_of_order",
            "must be twelve months after the start of the year before",
        )  # fmt: skip
    is_rampable = STAGE[row["stage"]].is_open and row["category"] in ("standard", "ramp")
    is_later_year = row["id"] in await repository.links_of(session, [row["id"]])
    if not is_rampable or is_later_year or row["type"] == "professional_services":
        raise SpecialCaseError(
            "A ramp is made of an open opportunity of category standard that is not itself a year"
            f" of a ramp; this one is {STAGE[row['stage']].name} and of category {row['category']}."
        )
    links = await repository.links_from(session, row["id"], [domain.RAMP_YEAR])
    earlier = await opportunities.lock_many(session, ids=[link[0] for link in links])
    if any(not STAGE[each["stage"]].is_open and each["stage"] != "duplicate" for each in earlier):
        raise SpecialCaseError(
            "A later year of this ramp is closed, so its years stay as they are."
        )
    if domain.paid_once(row) > years[0].amount:
        raise InvalidPayloadError.one(
            "/years/0/amount", "amount_too_small",
            f"contains what is paid once, so it is at least {domain.paid_once(row):.2f}",
        )  # fmt: skip
    statements = domain.ramp(row, years, case.today, case.circumstances.policy)
    made = len(statements)
    statements += domain.ramp_leftovers(row, earlier, made)
    kinds = [None, *[domain.RAMP_YEAR] * (made - 1), *[None] * (len(statements) - made)]
    return await case.write("ramp", statements, kinds, reason="A ramp deal, year by year")


async def reset_contract(case: Case, reset: domain.Reset, stage: str) -> Made:
    """A new contract in place of a running one, with a credit for what is left of that."""
    row, session = case.row, case.session
    if row["stage"] != "closed_won" or row["category"] in REVERSING_CATEGORIES:
        raise SpecialCaseError(
            f"Only a contract that is won is reset; this one is {STAGE[row['stage']].name}"
            f" and of category {row['category']}."
        )
    case.check_close_date("/close_date", reset.close_date)
    links = await repository.links_from(session, row["id"], [domain.CONTRACT_RESET])
    statements = domain.contract_reset(row, reset, None if links else stage)
    made = await case.write(
        "contract_reset", statements, [domain.CONTRACT_RESET, None], reason="A contract reset"
    )
    if not case.is_dry_run:
        # The credit belongs to the reset: it is won, lost and moved with it.
        await repository.link(
            session,
            [
                {
                    "opportunity_id": made.content[1]["id"], "kind": domain.CREDIT,
                    "source_id": made.content[0]["id"], "actor": case.actor.name,
                    "created_at": case.now,
                }
            ],
        )  # fmt: skip
    return made


async def come_back(
    case: Case, on: date | None, amount: Decimal | None, close_date: date | None
) -> Made:
    """A customer whose renewal was lost returns: how, depends on how long ago the term ended."""
    row, session = case.row, case.session
    links = await repository.links_from(session, row["id"], [domain.COMEBACK, domain.NEW_BUSINESS])
    if links:
        rows = await opportunities.lock_many(session, ids=[links[0]["opportunity_id"]])
        return await case.answer(links[0]["kind"], rows)
    if row["type"] != "renewal" or row["stage"] != "closed_lost" or row["category"] == "debook":
        raise SpecialCaseError(
            "A customer returns from a renewal that was lost; this opportunity is not one."
        )
    case.check_close_date("/close_date", close_date)
    on = on or case.today
    subscribed_until = await repository.ends_on(session, row["subscription_id"])
    ended_on = row["renewal_date"] or subscribed_until or row["close_date"]
    if ended_on is None:
        raise SpecialCaseError("The renewal has no renewal date, so nobody knows when it ended.")
    policy = case.circumstances.policy
    kind = domain.return_kind(ended_on, on, policy)
    is_locked = is_booked(row) and is_month_locked(row["close_date"], case.today, policy)
    if kind == domain.LATE and is_locked:
        # Its loss stays where it was booked; the debook takes it back in a month that is open.
        kind = domain.COMEBACK
    if kind == domain.LATE:
        stage = await repository.stage_before(session, row["id"])
        is_open = stage is not None and STAGE[stage].is_open and stage != "closing"
        statement: dict[str, Any] = {
            "id": row["id"], "stage": stage if is_open else "awaiting_signature",
            "close_date": close_date or on, "lost_reason": None,
        }  # fmt: skip
        if amount is not None:
            statement["amount"] = amount
        return await case.write(kind, [statement], [None], reason="Renewed late, in its window")
    statement = domain.comeback(row, kind, close_date or on, amount or row["amount"])
    return await case.write(kind, [statement], [kind], reason="A customer who returns")


async def decommission(case: Case, reason: str, on: date | None) -> Made:
    """A won deal given back."""
    row, session = case.row, case.session
    links = await repository.links_from(session, row["id"], [domain.DECOMMISSION])
    if links:
        rows = await opportunities.lock_many(session, ids=[links[0]["opportunity_id"]])
        return await case.answer(domain.DECOMMISSION, rows)
    if row["stage"] != "closed_won" or row["category"] in REVERSING_CATEGORIES:
        raise SpecialCaseError(
            f"Only a deal that is won and takes nothing back itself is given back; this one is {STAGE[row['stage']].name}"
            f" and of category {row['category']}."
        )
    case.check_close_date("/on", on)
    on = on or case.today
    policy = case.circumstances.policy
    if is_month_locked(on, case.today, policy):
        last = month_lock_ends(on, policy.number("booking.month_lock_day"))
        raise booking_error(month_locked(on, last + timedelta(days=1)))
    statement = domain.decommission(row, on)
    return await case.write(
        domain.DECOMMISSION, [statement], [domain.DECOMMISSION], reason=reason,
        details=[{"reason": reason}],
    )  # fmt: skip
