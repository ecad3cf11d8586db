"""Opens a figure: the opportunities in it, and the ledger entries that made it.

Every page is of one state of the ledger, so that pages add up to the total they name even while
the figures move on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.forecast import repository_entries as ledger
from services.forecast.domain import MEASURES
from services.forecast.errors import UnknownFigureError
from services.forecast.figures import FIGURES, figure_value
from services.forecast.ledger import CAUSES
from services.forecast.question import Axis, Moment, Question
from services.forecast.repository_entries import Entry, Part
from services.forecast.scope import Scope, resolve
from services.kit import clock, money
from services.kit.auth import Principal
from services.kit.db import ReadSession
from services.kit.errors import InvalidPayloadError
from services.kit.pagination import PageRequest, encode_cursor
from services.pipeline.events import read_history
from services.pipeline.readings import name_opportunities, read_told
from services.pipeline.views import FigureInputs, derive, fold, fold_at
from services.workspace.policies.repository import get_policy
from services.workspace.users.repository import UserName, user_names

_AFTER_ALL: Final = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Page:
    """`total` is the whole figure, not only this page's part of it; None in a list of entries."""

    scope: Scope
    total: Decimal | None
    items: list[dict[str, Any]]
    next_cursor: str | None


def check_figure(figure: str) -> str:
    """One of the figures that open into opportunities."""
    if figure not in FIGURES:
        raise UnknownFigureError(figure, FIGURES)
    return figure


def figure_text(figure: str, value: Decimal | int) -> str | int:
    """An amount as text, a count as a number."""
    return int(value) if figure == "opportunity_count" else money.text(Decimal(value))


async def list_opportunities(
    session: ReadSession, principal: Principal, question: Question, figure: str, page: PageRequest
) -> Page:
    """The largest contributions first. Later pages are of the ledger the first one was read from."""
    check_figure(figure)
    after, pinned = _seen_part(page)
    if pinned is not None and question.is_about_now and question.axis is Axis.RECORDED:
        question = replace(question, as_of_sequence=pinned)
    scope = await resolve(session, principal, question, clock.now())
    total, parts = await ledger.read_parts(
        session, scope.moment, question.quarter.key, scope.owners, figure,
        after=after, limit=page.limit + 1,
    )  # fmt: skip
    next_cursor = None
    if len(parts) > page.limit:
        parts = parts[: page.limit]
        last = parts[-1]
        next_cursor = encode_cursor(
            [str(last.contribution), last.opportunity_id, scope.moment.batch.sequence]
        )
    items = await _describe(session, scope.moment, figure, parts)
    return Page(scope, total, items, next_cursor)


def _seen_part(page: PageRequest) -> tuple[tuple[Decimal, UUID] | None, int | None]:
    if page.after is None:
        return None, None
    try:
        contribution, opportunity_id, sequence = page.after
        return (money.parse(contribution), UUID(opportunity_id)), int(sequence)
    except (ValueError, TypeError, AttributeError) as error:
        raise _foreign_cursor() from error


def _foreign_cursor() -> InvalidPayloadError:
    return InvalidPayloadError.one("query/cursor", "invalid_cursor", "is not a cursor of this list")


async def _states(
    session: ReadSession, moment: Moment, opportunity_ids: list[UUID]
) -> dict[UUID, tuple[int, FigureInputs]]:
    """Version and inputs of each as they stood at the moment."""
    if moment.is_now:
        return await ledger.read_position_inputs(session, opportunity_ids)
    versions = await ledger.read_posted_versions(session, opportunity_ids, moment.batch.sequence)
    histories = await read_history(session, {id_: top + 1 for id_, top in versions.items()})
    states = {}
    for opportunity_id, history in histories.items():
        inputs = fold(history) if moment.at is None else fold_at(history, moment.at)
        if inputs is not None:
            states[opportunity_id] = (versions[opportunity_id], inputs)
    return states


async def _describe(
    session: ReadSession, moment: Moment, figure: str, parts: list[Part]
) -> list[dict[str, Any]]:
    """Each part with the opportunity's state at the moment and the name it goes by now."""
    ids = [part.opportunity_id for part in parts]
    states = await _states(session, moment, ids)
    names = await name_opportunities(session, ids)
    owners = await user_names(session, {inputs.owner_id for _, inputs in states.values()})
    items = []
    for part in parts:
        item: dict[str, Any] = {
            "opportunity_id": part.opportunity_id,
            "contribution": figure_text(figure, part.contribution),
        }
        name = names.get(part.opportunity_id)
        if name is not None:
            item |= name._asdict()
        if part.opportunity_id in states:
            version, inputs = states[part.opportunity_id]
            item |= await _state_fields(session, version, inputs)
            item |= _owner_fields(inputs.owner_id, owners)
        items.append(item)
    return items


async def _state_fields(session: ReadSession, version: int, inputs: FigureInputs) -> dict[str, Any]:
    state = derive(inputs, await get_policy(session, inputs.policy_version))
    return {
        "version": version,
        "type": inputs.type,
        "stage": inputs.stage,
        "forecast_category": state.forecast_category,
        "renewal_loss_category": inputs.renewal_loss_category,
        "amount": inputs.amount,
        "arr_basis": inputs.arr_basis,
        "net_arr": state.net_arr,
        "currency": inputs.currency,
        "close_date": inputs.close_date,
    }


def _owner_fields(owner_id: UUID, names: dict[UUID, UserName]) -> dict[str, Any]:
    name = names.get(owner_id)
    return {
        "owner_id": owner_id,
        "owner_external_id": name.external_id if name else None,
        "owner_name": name.name if name else None,
    }


def check_cause(cause: str | None) -> None:
    if cause is not None and cause not in CAUSES:
        raise InvalidPayloadError.one(
            "query/cause", "unknown_cause", f"must be one of {', '.join(CAUSES)}"
        )


async def list_entries(
    session: ReadSession,
    principal: Principal,
    question: Question,
    *,
    figure: str | None,
    cause: str | None,
    after: int,
    page: PageRequest,
) -> Page:
    """The entries behind a figure (None: of the whole quarter) in the order of the ledger, with
    the event of each; those behind sequence `after`."""
    if figure is not None:
        check_figure(figure)
    check_cause(cause)
    scope = await resolve(session, principal, question, clock.now())
    entries = await ledger.read_entries(
        session, scope.moment, question.quarter.key, scope.owners,
        figure=figure, cause=cause, after=_seen_entry(page) or (after, _AFTER_ALL),
        limit=page.limit + 1,
    )  # fmt: skip
    entries, next_cursor = page.cut(entries, lambda entry: [entry.sequence, entry.id])
    return Page(scope, None, await _render_entries(session, figure, entries), next_cursor)


def _seen_entry(page: PageRequest) -> tuple[int, UUID] | None:
    if page.after is None:
        return None
    try:
        sequence, entry_id = page.after
        return int(sequence), UUID(entry_id)
    except (ValueError, TypeError, AttributeError) as error:
        raise _foreign_cursor() from error


async def _render_entries(
    session: ReadSession, figure: str | None, entries: list[Entry]
) -> list[dict[str, Any]]:
    told = await read_told(session, {(entry.opportunity_id, entry.version) for entry in entries})
    names = await name_opportunities(session, {entry.opportunity_id for entry in entries})
    owners = await user_names(session, {entry.owner_id for entry in entries})
    cells = await ledger.read_dimensions(session, list({e.dimensions_id for e in entries}))
    items = []
    for entry in entries:
        name = names.get(entry.opportunity_id)
        event = told.get((entry.opportunity_id, entry.version))
        items.append(
            {
                "id": entry.id,
                "sequence": entry.sequence,
                "cause": entry.cause,
                "opportunity_id": entry.opportunity_id,
                "opportunity_external_id": name.external_id if name else None,
                "opportunity_name": name.name if name else None,
                "version": entry.version,
                "occurred_at": entry.occurred_at,
                "recorded_at": entry.recorded_at,
                "posted_at": entry.posted_at,
                **_owner_fields(entry.owner_id, owners),
                "dimensions": cells.get(entry.dimensions_id, {}),
                **_contribution(figure, entry),
                "measures": _measures(entry),
                "event": event._asdict() if event else None,
            }
        )
    return items


def _contribution(figure: str | None, entry: Entry) -> dict[str, Any]:
    if figure is None:
        return {}
    return {"contribution": figure_text(figure, figure_value(entry.measures, figure))}


def _measures(entry: Entry) -> dict[str, Any]:
    """Only what the entry moves."""
    pairs: Iterable[tuple[str, Any]] = zip(MEASURES, entry.measures, strict=True)
    return {name: value for name, value in pairs if value}
