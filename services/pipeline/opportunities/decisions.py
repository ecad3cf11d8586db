"""What a statement makes of a record: the new row, or the reason it is refused.

No database and no clock. Two steps, so that a batch can look up all account families at once:
`draft` merges and checks, `finish` adds the order type and says what changed. A caller who
records (see `Circumstances`) is told of broken rules in `findings`; everybody else is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from services.kit import money
from services.kit.errors import FieldProblem, InvalidPayloadError
from services.pipeline.opportunities import domain
from services.pipeline.opportunities.bookings import hold_booking, stamp_submission
from services.pipeline.opportunities.drafts import (
    CHANGED,
    OPENED,
    POLICY_APPLIED,
    TRANSITIONED,
    Change,
    Circumstances,
    Draft,
)
from services.pipeline.opportunities.errors import (
    ForecastCategoryFixedError,
    OpportunityClosedError,
    StageNotReachableError,
)
from services.pipeline.opportunities.families import Families
from services.pipeline.opportunities.merge import apply_references, apply_values
from services.pipeline.opportunities.order_types import give_order_type, is_order_type_open
from services.pipeline.opportunities.record import (
    BLANK,
    INPUT_FIELDS,
    REFERENCE_NAMES,
    Row,
    figure_state,
)
from services.pipeline.opportunities.references import References
from services.pipeline.opportunities.stages import (
    AUTO_CLOSE_REASON,
    STAGE,
    Refusal,
    StageFacts,
    check_transition,
)
from services.workspace.fiscal import UNDATED, FiscalCalendar

# A closed record, and one being booked, keeps these unless the same statement moves it.
_LOCKED: Final = (
    "type",
    "renewal_loss_category",
    "amount",
    "currency",
    "term_months",
    "true_up_amount",
    "services_amount",
    "other_non_recurring_amount",
    "arr_basis",
    "expected_renewed_arr",
    "stated_net_arr",
    "close_date",
    "owner_id",
    "category",
)
_NAMES: Final = {**REFERENCE_NAMES, "stated_net_arr": "net_arr"}
"""Columns that clients know by another name."""
_AMOUNTS: Final = (
    "amount",
    "true_up_amount",
    "services_amount",
    "other_non_recurring_amount",
)
_ACCEPTED_RANKS: Final = range(1, STAGE["closed_won"].rank + 1)
# What a first version always names, whatever its value.
_ALWAYS_TOLD: Final = frozenset({"type", "stage", "currency", "owner_id", "policy_version"})


def draft(
    current: Row | None,
    stated: Mapping[str, Any],
    references: References,
    circumstances: Circumstances,
    *,
    new_id: UUID | None = None,
    reason: str | None = None,
) -> Draft:
    """Raises InvalidPayloadError with everything wrong in the statement, or the conflict with the
    record's state. `new_id` is the id of a record that does not exist yet."""
    occurred_at = stated.get("occurred_at") or circumstances.now
    row = _start(current, stated, circumstances, new_id)
    problems = apply_values(row, stated, circumstances.currency)
    problems += apply_references(row, current, stated, references)
    if current is None and row["owner_id"] is None and not problems:
        problems.append(FieldProblem("/owner_external_id", "missing", "is required"))
    problems += _reason_problems(current, row, circumstances)
    if problems:
        raise InvalidPayloadError(problems)
    drafted = Draft(current, row, occurred_at, reason)
    _move_stage(drafted, circumstances)
    _forget_loss(drafted, stated)
    stamp_submission(drafted, stated)
    _state_category(drafted, stated, circumstances)
    if _is_newly_won(drafted) and stated.get("close_date") is None:
        row["close_date"] = _booking_date(drafted, circumstances)
    _derive(drafted, circumstances)
    _check_amounts(drafted)
    _check_locked(drafted, circumstances)
    hold_booking(drafted, circumstances)
    return drafted


def _reason_problems(
    current: Row | None, row: Row, circumstances: Circumstances
) -> list[FieldProblem]:
    """That a timer closed a deal nobody says but the timer, or a record of it: no other reason is
    asked for then."""
    known = None if current is None else current["lost_reason"]
    is_believed = circumstances.is_recording or circumstances.is_product
    if is_believed or row["lost_reason"] in (None, known):
        return []
    if row["lost_reason"] != AUTO_CLOSE_REASON:
        return []
    message = "is the product's own, for what it closes for want of progress"
    return [FieldProblem("/lost_reason", "reason_of_the_product", message)]


def _forget_loss(drafted: Draft, stated: Mapping[str, Any]) -> None:
    """A deal that goes on is not lost for the reason it was: lost again it says why again."""
    current, row = drafted.current, drafted.row
    if current is None or not STAGE[row["stage"]].is_open:
        return
    if STAGE[current["stage"]].rank > STAGE["closed_won"].rank:
        for name in ("lost_reason", "lost_details"):
            if name not in stated:
                row[name] = None


def _start(
    current: Row | None,
    stated: Mapping[str, Any],
    circumstances: Circumstances,
    new_id: UUID | None,
) -> Row:
    if current is not None:
        return dict(current)
    now = circumstances.now
    row = dict(BLANK)
    row["id"] = new_id
    row["external_id"] = stated.get("external_id")
    row["currency"] = circumstances.currency
    row["version"] = 0
    row["push_count"] = 0
    row["sales_accepted_date"] = row["entered_later_at"] = None
    row["opened_on"] = circumstances.calendar.local_date(stated.get("occurred_at") or now)
    row["stage_entered_at"] = row["created_at"] = row["updated_at"] = row["occurred_at"] = now
    return row


def _move_stage(drafted: Draft, circumstances: Circumstances) -> None:
    """Checks the move and stamps what a stage's entry stamps."""
    current, row = drafted.current, drafted.row
    stage = row["stage"]
    if current is None:
        refusal = _check_first_stage(row)
        if refusal is not None and not circumstances.is_recording:
            raise StageNotReachableError(None, stage, refusal)
    elif stage == current["stage"]:
        return
    else:
        refusal = _check_move(drafted, circumstances)
        if refusal is not None:
            if circumstances.is_recording:
                drafted.findings.append(refusal)
            elif not STAGE[current["stage"]].is_open:
                raise OpportunityClosedError(current["stage"], refusal)
            else:
                raise StageNotReachableError(current["stage"], stage, refusal)
    if current is not None:
        latest = row["entered_later_at"] or current["stage_entered_at"]
        row["entered_later_at"] = latest if latest > drafted.occurred_at else None
    row["stage_entered_at"] = drafted.occurred_at
    if row["sales_accepted_date"] is None and STAGE[stage].rank in _ACCEPTED_RANKS:
        row["sales_accepted_date"] = circumstances.calendar.local_date(drafted.occurred_at)


def _check_first_stage(row: Row) -> Refusal | None:
    """Everything starts at stage 0 but renewals, which may have been worked on, and what a
    customer bought without a salesperson."""
    stage = STAGE[row["stage"]]
    if stage.rank == 0:
        return None
    if stage.is_open and (row["type"] == "renewal" or row["source_kind"] == "self_serve"):
        return None
    return Refusal(
        "starts_at_stage_0", "It starts at 0 - Pending Acceptance and moves on from there."
    )


def _check_move(drafted: Draft, circumstances: Circumstances) -> Refusal | None:
    current, row = drafted.current, drafted.row
    assert current is not None
    local_date = circumstances.calendar.local_date
    # Only a record may say when it was; anybody else is judged by the day it is.
    moment = drafted.occurred_at if circumstances.is_recording else circumstances.now
    facts = StageFacts(
        is_accepted=current["sales_accepted_date"] is not None,
        today=local_date(moment),
        closed_on=local_date(current["stage_entered_at"]),
        is_auto_closed=current["lost_reason"] == AUTO_CLOSE_REASON,
        is_renewal=row["type"] == "renewal",
        is_manager=circumstances.is_manager,
    )
    return check_transition(
        current["stage"], row["stage"], facts, circumstances.policy, reason=drafted.reason
    )


def _state_category(
    drafted: Draft, stated: Mapping[str, Any], circumstances: Circumstances
) -> None:
    """The value the stage implies is the stage's. Where the stage fixes the category, another
    value is not kept, or it would surface in a later stage."""
    if stated.get("forecast_category_source") == "stage":
        drafted.row["stated_forecast_category"] = None
        return
    if "forecast_category" not in stated:
        return
    row, wanted, policy = drafted.row, stated["forecast_category"], circumstances.policy
    if wanted == policy.stage_categories[row["stage"]]:
        wanted = None
    refusal = domain.check_forecast_category(row["stage"], wanted, row["segment"], policy)
    if refusal is not None:
        if not circumstances.is_recording:
            raise ForecastCategoryFixedError(wanted, refusal)
        drafted.findings.append(refusal)
        wanted = wanted if refusal.code == "category_driven_by_stage" else None
    row["stated_forecast_category"] = wanted


def _is_newly_won(drafted: Draft) -> bool:
    current = drafted.current
    if drafted.row["stage"] != "closed_won":
        return False
    return current is None or current["stage"] != "closed_won"


def _booking_date(drafted: Draft, circumstances: Circumstances) -> date:
    row = drafted.row
    submitted_at = row["submitted_at"] or drafted.occurred_at
    submitted_on = circumstances.calendar.local_date(submitted_at)
    return domain.booking_close_date(submitted_on, row["quote_start_date"], circumstances.policy)


def _derive(drafted: Draft, circumstances: Circumstances) -> None:
    row, current = drafted.row, drafted.current
    row["policy_version"] = circumstances.policy.version
    drafted.state = state = figure_state(row, circumstances.policy)
    row["net_arr"] = state.net_arr
    row["forecast_category"] = state.forecast_category
    close_date = row["close_date"]
    if current is None or close_date != current["close_date"]:
        row["close_fiscal_quarter"] = _close_quarter(close_date, circumstances.calendar)
        if current is not None and domain.is_push(current["close_date"], close_date):
            row["push_count"] = current["push_count"] + 1


def _close_quarter(close_date: date | None, calendar: FiscalCalendar) -> int:
    if close_date is None:
        return UNDATED
    if not calendar.has_label(close_date):
        raise InvalidPayloadError.one(
            "/close_date", "date_out_of_range", "must be in a fiscal year from FY00 to FY99"
        )
    return calendar.quarter_key(close_date)


def _check_amounts(drafted: Draft) -> None:
    row = drafted.row
    wrong = domain.check_amounts(
        row["category"],
        [(name, row[name]) for name in _AMOUNTS],
        arr_basis=row["arr_basis"],
        expected_renewed_arr=row["expected_renewed_arr"],
    )
    problems = [FieldProblem(f"/{name}", "amount_not_allowed", text) for name, text in wrong]
    if not money.is_in_range(drafted.state.net_arr):
        problems.append(
            FieldProblem("/amount", "amount_out_of_range", "gives a Net ARR beyond 13 digits")
        )
    if problems:
        raise InvalidPayloadError(problems)


def _check_locked(drafted: Draft, circumstances: Circumstances) -> None:
    """A move is the stages' business; a record that stays where it is locked stays as it is."""
    current, row = drafted.current, drafted.row
    if current is None or row["stage"] != current["stage"]:
        return
    stage = STAGE[current["stage"]]
    if stage.is_open and stage.key != "closing":
        return
    # Auto-closed is told by the reason, which another one must not hide.
    is_auto_closed = current["lost_reason"] == AUTO_CLOSE_REASON
    locked = (*_LOCKED, "lost_reason") if is_auto_closed else _LOCKED
    changed = [_NAMES.get(name, name) for name in locked if row[name] != current[name]]
    if not changed:
        return
    if not circumstances.is_recording:
        raise OpportunityClosedError(stage.key, None, changed)
    sentence = f"It is {stage.name}, and {', '.join(changed)} changed nevertheless."
    drafted.findings.append(Refusal("closed_record_changed", sentence))


def finish(
    drafted: Draft, families: Families, circumstances: Circumstances, *, kind: str | None = None
) -> Change | None:
    """The new version; None where the statement changes nothing."""
    row, current = drafted.row, drafted.current
    if is_order_type_open(drafted):
        give_order_type(drafted, families, circumstances)
    changes, previous = _difference(row, current)
    if current is not None and not (changes.keys() - {"policy_version"}):
        return None
    return _version(drafted, circumstances, kind or _kind(current, changes), changes, previous)


def rederive(
    current: Row, row: Row, circumstances: Circumstances, *, kind: str, occurred_at: datetime
) -> Change | None:
    """The new version of a record nobody stated anything about, but whose surroundings changed;
    `row` is the record with what it took over from them. None where nothing is different."""
    drafted = Draft(current, row, occurred_at)
    _derive(drafted, circumstances)
    changes, previous = _difference(row, current)
    if not changes or (kind != POLICY_APPLIED and not changes.keys() - {"policy_version"}):
        return None
    return _version(drafted, circumstances, kind, changes, previous)


def _version(
    drafted: Draft,
    circumstances: Circumstances,
    kind: str,
    changes: dict[str, Any],
    previous: dict[str, Any],
) -> Change:
    row = drafted.row
    row["version"] += 1
    row["updated_at"] = circumstances.now
    row["occurred_at"] = drafted.occurred_at
    return Change(row, drafted.state, kind, changes, previous, drafted.reason, drafted.findings)


def _difference(row: Row, current: Row | None) -> tuple[dict[str, Any], dict[str, Any]]:
    if current is None:
        blank = BLANK
        changes = {
            name: row[name]
            for name in INPUT_FIELDS
            if row[name] != blank[name] or name in _ALWAYS_TOLD
        }
        return changes, {}
    changed = [name for name in INPUT_FIELDS if row[name] != current[name]]
    return {name: row[name] for name in changed}, {name: current[name] for name in changed}


def _kind(current: Row | None, changes: Mapping[str, Any]) -> str:
    if current is None:
        return OPENED
    return TRANSITIONED if "stage" in changes else CHANGED
