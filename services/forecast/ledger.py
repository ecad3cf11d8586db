"""Ledger entries: how one version of an opportunity changed the figures, cause by cause.

Pure. A version is walked from the old inputs to the new ones, one group of fields at a time in a
fixed order; what each step changes is an entry. The steps telescope, so a version's entries always
add up to the difference of its contributions, per cell and to the cent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

from services.forecast.domain import (
    NOTHING,
    Cell,
    Contribution,
    Dimensions,
    Measures,
    contribution,
    is_nothing,
    minus,
    negated,
    plus,
)
from services.forecast.figures import figure_value
from services.pipeline.views import FigureEvent, FigureInputs, Folding, derive, fold
from services.workspace.fiscal import FiscalCalendar
from services.workspace.policy import Policy

CAUSES: Final = (
    "opened",
    "policy",
    "reopened",
    "owner_out",
    "owner_in",
    "type_changed",
    "basis_changed",
    "amount_up",
    "amount_down",
    "pulled_in",
    "pushed_out",
    "category_up",
    "category_down",
    "won",
    "lost",
    "correction",
    "reorganised",
)
"""In the order a version is walked; `correction` is a rebuild's, `reorganised` a reader's."""

Contribute: TypeAlias = Callable[[FigureInputs], Contribution]


class EntryDraft(NamedTuple):
    """A difference to post. Unique per (cause, occurred_at, cell) within one version."""

    cause: str
    occurred_at: datetime
    fiscal_quarter: int
    owner_id: UUID
    dimensions: Dimensions
    measures: Measures


def contributor(
    policies: Mapping[int, Policy], calendar: FiscalCalendar, currency: str
) -> Contribute:
    """Values inputs under the policy version they name; `policies` must hold every one in use."""

    def contribute(inputs: FigureInputs) -> Contribution:
        state = derive(inputs, policies[inputs.policy_version])
        return contribution(state, calendar, currency)

    return contribute


def is_told_late(occurred_at: datetime, latest_occurred_at: datetime | None) -> bool:
    """Whether a version reaches back before one already told, so that its history is needed."""
    return latest_occurred_at is not None and occurred_at < latest_occurred_at


def post_version(
    event: FigureEvent,
    contribute: Contribute,
    *,
    before: FigureInputs | None,
    history: Sequence[FigureEvent] = (),
) -> list[EntryDraft]:
    """The entries of one version.

    `before`: the inputs after the version before it, in version order; None for version 1.
    `history`: every lower version in version order, wanted only where the version is told late
    (`is_told_late`); otherwise the cost does not depend on how long the history is.
    """
    moments = sorted({told.occurred_at for told in history if told.occurred_at > event.occurred_at})
    if not moments:
        # Without its past a later version would post nothing, and nobody would see it missing.
        assert event.version == 1 or before is not None
        after = fold([event]) if before is None else before.merge(event.changes)
        entries = _walk(before, after, contribute)
        return [
            EntryDraft(cause, event.occurred_at, *cell, measures)
            for (cause, cell), measures in entries.items()
        ]
    return list(_post_late(event, history, [event.occurred_at, *moments], contribute))


_Walked: TypeAlias = dict[tuple[str, Cell], Measures]


def _post_late(
    event: FigureEvent,
    history: Sequence[FigureEvent],
    moments: Iterable[datetime],
    contribute: Contribute,
) -> Iterator[EntryDraft]:
    """At its own moment the version's difference; at each later one only what that adds to it."""
    posted: _Walked = {}
    without, including = Folding(), Folding()
    including.tell(event)
    coming = sorted(history, key=attrgetter("occurred_at"), reverse=True)
    for moment in moments:
        while coming and coming[-1].occurred_at <= moment:
            told = coming.pop()
            without.tell(told)
            including.tell(told)
        walked = _walk(without.inputs(), including.inputs(), contribute)
        for key in {**posted, **walked}:
            delta = minus(walked.get(key, NOTHING), posted.get(key, NOTHING))
            if not is_nothing(delta):
                cause, cell = key
                yield EntryDraft(cause, moment, *cell, delta)
        posted = walked


def correction(
    posted: Contribution | None, actual: Contribution | None, occurred_at: datetime
) -> list[EntryDraft]:
    """What brings the ledger of one opportunity to what it should be; empty where it is right."""
    entries: _Walked = {}
    _add_difference(entries, ("correction", "correction"), posted, actual)
    return [
        EntryDraft(cause, occurred_at, *cell, measures)
        for (cause, cell), measures in entries.items()
    ]


# Fields of each step, in the order of CAUSES. Stage fields come first where they reopen and last
# where they close, with the category that goes with the stage.
_POLICY: Final = ("policy_version",)
_STAGE: Final = ("stage", "stated_forecast_category")
_OWNER: Final = ("owner_id",)
_TYPE: Final = (
    "type",
    "order_type",
    "category",
    "currency",
    "segment",
    "region",
    "vertical",
)
_BASIS: Final = ("arr_basis",)
_AMOUNT: Final = (
    "amount",
    "term_months",
    "true_up_amount",
    "services_amount",
    "other_non_recurring_amount",
    "expected_renewed_arr",
    "stated_net_arr",
)
_CLOSE_DATE: Final = ("close_date",)
_CATEGORY: Final = ("stage", "stated_forecast_category", "renewal_loss_category")
_LOSS_CATEGORY: Final = ("renewal_loss_category",)

_CLOSED: Final = frozenset({"closed_won", "closed_lost", "unqualified", "duplicate"})

# (cause on the old cell and on the new one, fields); a cause of None is named by its effect.
_Step: TypeAlias = tuple[tuple[str, str] | str, tuple[str, ...]]


def _both(cause: str) -> tuple[str, str]:
    return cause, cause


def _steps(old: FigureInputs, new: FigureInputs) -> tuple[_Step, ...]:
    was_closed, is_closed = old.stage in _CLOSED, new.stage in _CLOSED
    is_reopened = was_closed and not is_closed
    is_closing = is_closed and new.stage != old.stage
    close = "won" if new.stage == "closed_won" else "lost"
    return (
        (_both("policy"), _POLICY),
        (_both("reopened"), _STAGE if is_reopened else ()),
        (("owner_out", "owner_in"), _OWNER),
        (_both("type_changed"), _TYPE),
        (_both("basis_changed"), _BASIS),
        ("amount", _AMOUNT),
        (_both(_date_cause(old.close_date, new.close_date)), _CLOSE_DATE),
        ("category", _LOSS_CATEGORY if is_reopened or is_closing else _CATEGORY),
        (_both(close), _STAGE if is_closing else ()),
    )


def _date_cause(old: date | None, new: date | None) -> str:
    """Earlier, or dated at last, is pulled in; later, or no longer dated, is pushed out."""
    if new is None:
        return "pushed_out"
    return "pulled_in" if old is None or new < old else "pushed_out"


def _walk(old: FigureInputs | None, new: FigureInputs | None, contribute: Contribute) -> _Walked:
    """Differences per cause and cell; differences of nothing are left out."""
    entries: _Walked = {}
    if new is None:
        return entries
    if old is None:
        _add_difference(entries, _both("opened"), None, contribute(new))
        return entries
    here, before = old, None
    for causes, fields in _steps(old, new):
        changed: dict[str, Any] = {
            name: value for name in fields if (value := getattr(new, name)) != getattr(here, name)
        }
        if not changed:
            continue
        if before is None:
            before = contribute(here)
        here = here._replace(**changed)
        after = contribute(here)
        if isinstance(causes, str):
            causes = _both(f"{causes}_{_direction(before.measures, after.measures)}")
        _add_difference(entries, causes, before, after)
        before = after
    return entries


# The first of these that a step moves says whether it raised or lowered the forecast.
_DIRECTION: Final = tuple(
    partial(figure_value, figure=figure)
    for figure in (
        "net_arr.closed",
        "net_arr.commit",
        "net_arr.best_case",
        "coverage.open_pipeline",
        "coverage.open_stage_3_plus",
        "coverage.open_signed",
    )
)


def _direction(before: Measures, after: Measures) -> str:
    delta = minus(after, before)
    effect = next((value for figure in _DIRECTION if (value := figure(delta))), 0)
    if effect == 0:
        # Only counts moved: an opportunity that counts, or is no longer left out, is a rise.
        effect = figure_value(delta, "opportunity_count")
    return "down" if effect < 0 else "up"


def _add_difference(
    entries: _Walked,
    causes: tuple[str, str],
    old: Contribution | None,
    new: Contribution | None,
) -> None:
    out, into = causes
    if old is not None and new is not None and old[:3] == new[:3]:
        _add(entries, into, new.cell, minus(new.measures, old.measures))
        return
    if old is not None:
        _add(entries, out, old.cell, negated(old.measures))
    if new is not None:
        _add(entries, into, new.cell, new.measures)


def _add(entries: _Walked, cause: str, cell: Cell, measures: Measures) -> None:
    if is_nothing(measures):
        return
    key = (cause, cell)
    entries[key] = plus(entries[key], measures) if key in entries else measures
