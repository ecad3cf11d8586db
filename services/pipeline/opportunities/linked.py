"""Opportunities that belong together: what holds one because of another, and what happens to others
when one moves. The links are written by the special cases of Net ARR.

A ramp's later years and a reset's credit go along with what they belong to for as long as they were
where it was; the row that takes a loss back counts exactly while the customer's return is closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final
from uuid import UUID

from services.kit.db import Session, WriteSession
from services.kit.errors import ServiceError
from services.kit.schemas import EXTERNAL_ID_LENGTH_MAX
from services.pipeline.opportunities import repository
from services.pipeline.opportunities.access import Actor
from services.pipeline.opportunities.booking_errors import booking_error
from services.pipeline.opportunities.bookings import downgrade, is_newly
from services.pipeline.opportunities.drafts import Change, Circumstances, Draft
from services.pipeline.opportunities.net_arr import REVERSING_CATEGORIES
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import STAGE, Refusal

_CLOSED_WITH_VALUE: Final = ("closed_won", "closed_lost")
_COMEBACK_FACTS: Final = frozenset({"stage", "arr_basis", "amount", "close_date", "term_months"})


def acting(actor: Actor) -> Actor:
    """Who carries out what follows from the actor's move: it is recorded, not judged again."""
    return replace(actor, owners=None, is_recorder=True, bypasses_gates=True)


# What holds an opportunity -------------------------------------------------------------------


async def hold(
    session: Session, drafts: Sequence[Draft], circumstances: Circumstances
) -> dict[UUID, ServiceError]:
    """By opportunity, what refuses it; for who records, findings instead. Asks nobody unless a closed
    one is reopened, a renewal is won after its window, or a deal handed in is won."""
    refused: dict[UUID, ServiceError] = {}
    found = [(each, refusal) for each in drafts if (refusal := downgrade(each)) is not None]
    reopened = [each for each in drafts if _is_reopened(each)]
    if reopened:
        held = await _held_closed(session, [each.row["id"] for each in reopened])
        found += [(each, held[each.row["id"]]) for each in reopened if each.row["id"] in held]
    late = [each for each in drafts if _is_late(each, circumstances)]
    if late:
        excused = await _excused(session, late, circumstances)
        found += [
            (each, _too_late(each.row, circumstances))
            for each in late
            if each.row["id"] not in excused
        ]
    handed_in = [each for each in drafts if _leaves_closing_won(each)]
    if handed_in:
        approved = await _approved(session, handed_in)
        found += [(each, _UNAPPROVED) for each in handed_in if each.row["id"] not in approved]
    for drafted, refusal in found:
        if circumstances.is_recording:
            drafted.findings.append(refusal)
        else:
            refused[drafted.row["id"]] = booking_error(refusal)
    return refused


_MERGED: Final = Refusal(
    "merged_renewal_reopened",
    "It was merged into another renewal, which has its ARR basis: take the merger back with"
    " DELETE …/merged-renewals of that one.",
)


_UNAPPROVED: Final = Refusal(
    "approvals_missing",
    "It is handed in for booking: POST …/approvals of the deal desk, then of billing, wins it.",
)


def _leaves_closing_won(drafted: Draft) -> bool:
    current = drafted.current
    return current is not None and (current["stage"], drafted.row["stage"]) == (
        "closing",
        "closed_won",
    )


async def _approved(session: Session, drafts: Sequence[Draft]) -> set[UUID]:
    """Those that both have approved since their handing in was recorded, whenever it is said to
    have been: else one approved before could be handed in again under the old date."""
    rows = await session.fetch(
        """
        SELECT a.opportunity_id FROM pipeline.booking_approvals AS a
        JOIN pipeline.stage_visits AS v
          ON v.workspace_id = $1 AND v.opportunity_id = a.opportunity_id
         AND v.recorded_at = a.submitted_at AND v.stage = 'closing' AND v.left_at IS NULL
        WHERE a.workspace_id = $1 AND a.opportunity_id = ANY($2::uuid[])
          AND a.decision = 'approved'
        GROUP BY a.opportunity_id HAVING count(DISTINCT a.kind) = 2
        """,
        session.workspace_id,
        [each.row["id"] for each in drafts],
    )
    return {row["opportunity_id"] for row in rows}


def _is_reopened(drafted: Draft) -> bool:
    current = drafted.current
    if current is None or STAGE[current["stage"]].is_open:
        return False
    return bool(drafted.row["stage"] != current["stage"])


def _won_on(drafted: Draft, circumstances: Circumstances) -> date:
    handed_in = drafted.row["submitted_at"] or drafted.occurred_at
    return circumstances.calendar.local_date(handed_in)


def _is_late(drafted: Draft, circumstances: Circumstances) -> bool:
    current, row = drafted.current, drafted.row
    if current is None or not is_newly(row, current, "closed_won"):
        return False
    if row["type"] != "renewal" or row["category"] in REVERSING_CATEGORIES:
        return False
    if row["renewal_date"] is None:
        return False
    window = circumstances.policy.number("renewal.late_window_days")
    return (_won_on(drafted, circumstances) - row["renewal_date"]).days > window


def _too_late(row: Row, circumstances: Circumstances) -> Refusal:
    days = circumstances.policy.number("renewal.late_window_days")
    return Refusal(
        "renewal_too_late",
        f"A renewal due on {row['renewal_date']} may be won until {days} days later: close it lost"
        " and open the customer's return, or have an exception recorded first.",
    )


async def _held_closed(session: Session, ids: Sequence[UUID]) -> dict[UUID, Refusal]:
    """Those that stay closed: merged ones, whose basis another has, and those that something which
    still counts was made from, as what they booked is told by both."""
    rows = await session.fetch(
        """
        SELECT opportunity_id AS id, kind, NULL AS name FROM pipeline.booking_links
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) AND kind = 'merged'
        UNION ALL
        SELECT l.source_id, l.kind, coalesce(o.external_id, o.id::text)
        FROM pipeline.booking_links AS l
        JOIN pipeline.opportunities AS o ON o.workspace_id = $1 AND o.id = l.opportunity_id
        WHERE l.workspace_id = $1 AND l.source_id = ANY($2::uuid[])
          AND (l.kind = 'comeback' AND o.stage NOT IN ('unqualified', 'duplicate')
            OR l.kind IN ('decommission', 'contract_reset', 'new_business')
              AND o.stage NOT IN ('closed_lost', 'unqualified', 'duplicate'))
        """,
        session.workspace_id,
        list(ids),
    )
    return {
        row["id"]: _MERGED if row["kind"] == "merged" else _superseded(row["kind"], row["name"])
        for row in rows
    }


def _superseded(kind: str, name: str) -> Refusal:
    return Refusal(
        "superseded",
        f"{name[:100]} was made from what it booked, as its {kind.replace('_', ' ')}, and still"
        " counts: with both, the same would be booked twice. Close that one first.",
    )


async def _excused(
    session: Session, late: Sequence[Draft], circumstances: Circumstances
) -> set[UUID]:
    """Those with an exception that has not run out, and customers' returns, which are late by
    nature."""
    rows = await session.fetch(
        """
        SELECT last.opportunity_id FROM (
            SELECT DISTINCT ON (opportunity_id) opportunity_id, new_date
            FROM pipeline.late_renewals
            WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[])
            ORDER BY opportunity_id, id DESC
        ) AS last
        JOIN unnest($2::uuid[], $3::date[]) AS won (id, won_on)
          ON won.id = last.opportunity_id AND won.won_on <= last.new_date
        UNION
        SELECT opportunity_id FROM pipeline.booking_links
        WHERE workspace_id = $1 AND opportunity_id = ANY($2::uuid[]) AND kind = 'comeback'
        """,
        session.workspace_id,
        [each.row["id"] for each in late],
        [_won_on(each, circumstances) for each in late],
    )
    return {row["opportunity_id"] for row in rows}


# What others do when one moves ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Consequence:
    """What follows from a change: a statement, whose record takes another one back where it is
    made for one (`debooks`)."""

    statement: dict[str, Any]
    debooks: UUID | None = None


async def consequences(session: WriteSession, changes: Iterable[Change]) -> list[Consequence]:
    """What the changes of these records do to those that belong to them."""
    moved = {change.row["id"]: change for change in changes if _moves_others(change)}
    if not moved:
        return []
    links = await session.fetch(
        """
        SELECT opportunity_id, kind, source_id FROM pipeline.booking_links
        WHERE workspace_id = $1 AND (
            (source_id = ANY($2::uuid[]) AND kind IN ('ramp_year', 'credit', 'debook'))
            OR (opportunity_id = ANY($2::uuid[]) AND kind = 'comeback'))
        ORDER BY position, opportunity_id
        """,
        session.workspace_id,
        list(moved),
    )
    others = [link["opportunity_id"] for link in links if link["kind"] != "comeback"]
    rows = {row["id"]: row for row in await repository.lock_many(session, ids=others)}
    found = [
        _along(moved[link["source_id"]], rows[link["opportunity_id"]], link["kind"])
        for link in links
        if link["kind"] in ("ramp_year", "credit")
    ]
    debooks = {
        link["source_id"]: link["opportunity_id"] for link in links if link["kind"] == "debook"
    }
    returns = [link["opportunity_id"] for link in links if link["kind"] == "comeback"]
    found += [_debook(moved[id_].row, rows.get(debooks.get(id_, id_))) for id_ in returns]
    return [each for each in found if each is not None]


def _moves_others(change: Change) -> bool:
    row, changed = change.row, change.changes
    if change.is_new:
        return False
    if row["category"] == "ramp":
        return "stage" in changed
    if row["category"] == "contract_reset":
        return "stage" in changed or "close_date" in changed
    return row["type"] == "renewal" and not _COMEBACK_FACTS.isdisjoint(changed)


def _along(change: Change, row: Row, kind: str) -> Consequence | None:
    """A later year of a ramp, or a credit, goes where the first year, or the reset, went."""
    first, stated = change.row, {}
    if row["stage"] == change.previous.get("stage") and row["stage"] != first["stage"]:
        stated["stage"] = first["stage"]
        if first["stage"] == "closed_won":
            stated["submitted_at"] = first["submitted_at"] or change.row["occurred_at"]
            if kind == "ramp_year" and first["type"] == "renewal":
                stated["close_date"] = row["quote_start_date"]
        elif first["stage"] == "closed_lost":
            stated["lost_reason"] = first["lost_reason"]
        elif first["stage"] == "duplicate":
            stated["duplicate_of"] = first["external_id"] or str(first["id"])
    if kind == "credit" and row["close_date"] != first["close_date"]:
        stated["close_date"] = first["close_date"]
    if kind == "credit" and stated.get("stage") == "closed_won":
        stated["close_date"] = first["close_date"]
    if not stated:
        return None
    return Consequence({"id": row["id"], "occurred_at": first["occurred_at"], **stated})


def _debook(row: Row, debook: Row | None) -> Consequence | None:
    """The inverse of the loss a returning customer had booked, booked when the return is closed;
    while the return is open again it counts nowhere."""
    if row["stage"] not in _CLOSED_WITH_VALUE:
        if debook is None:
            return None
        name = row["external_id"] or str(row["id"])
        return Consequence({"id": debook["id"], "stage": "duplicate", "duplicate_of": name})
    values: dict[str, Any] = {
        "stage": "closed_lost", "arr_basis": -row["arr_basis"], "close_date": row["close_date"],
        "amount": None if row["amount"] is None else -row["amount"], "duplicate_of": None,
        "term_months": row["term_months"], "occurred_at": row["occurred_at"],
    }  # fmt: skip
    if debook is not None:
        return Consequence({"id": debook["id"], **values})
    return Consequence({**_new_debook(row), **values}, debooks=row["id"])


def _new_debook(row: Row) -> dict[str, Any]:
    name = row["external_id"] or str(row["id"])
    made = f"{name}/debook"
    made = made if len(made) <= EXTERNAL_ID_LENGTH_MAX else f"{row['id']}/debook"
    statement: dict[str, Any] = {
        "external_id": made, "name": f"{row['name'][:240]} (debook)", "type": "renewal",
        "category": "debook", "order_type": "churn_final", "parent_external_id": name,
        "lost_reason": "returned", "currency": row["currency"],
    }  # fmt: skip
    for field in ("account_external_id", "owner_external_id", "subscription_external_id"):
        if row[field] is not None:
            statement[field] = row[field]
    for field in ("segment", "region"):
        if field in row["stated_fields"]:
            statement[field] = row[field]
    return statement


async def keep_debooks(
    session: WriteSession, made: Mapping[UUID, UUID], actor: str, now: Any
) -> None:
    """Which record takes back the loss of which return; `made` is by return."""
    for source_id, opportunity_id in made.items():
        await session.execute(
            """
            INSERT INTO pipeline.booking_links (workspace_id, opportunity_id, kind, source_id,
                position, details, actor, created_at)
            VALUES ($1, $2, 'debook', $3, 0, '{}'::jsonb, $4, $5)
            ON CONFLICT (workspace_id, opportunity_id) DO NOTHING
            """,
            session.workspace_id,
            opportunity_id,
            source_id,
            actor,
            now,
        )
