"""The rules of booking an opportunity, as far as its own row decides them: locked months, reasons
for a downgrade, close dates nobody can mean. Pure. A broken rule is an answer, not an exception."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from services.kit.errors import InvalidPayloadError
from services.pipeline.opportunities.booked import is_month_locked, month_lock_ends
from services.pipeline.opportunities.booking_errors import booking_error, month_locked
from services.pipeline.opportunities.domain import months_after
from services.pipeline.opportunities.drafts import Circumstances, Draft
from services.pipeline.opportunities.net_arr import REVERSING_CATEGORIES
from services.pipeline.opportunities.record import Row
from services.pipeline.opportunities.stages import Refusal
from services.workspace.policy import Policy

_BOOKED_BY: Final = (
    "stage", "type", "category", "amount", "term_months", "true_up_amount", "services_amount",
    "other_non_recurring_amount", "arr_basis", "stated_net_arr", "close_date",
)  # fmt: skip
"""What a booking is made of, so what a locked month keeps as it is."""


def is_booked(row: Row) -> bool:
    """Whether it is in the numbers of its month: won, or lost with what it had."""
    if row["stage"] == "closed_lost":
        return (row["type"] == "renewal" or row["category"] == "debook") and row["arr_basis"] != 0
    return row["stage"] == "closed_won"


def is_newly(row: Row, current: Row | None, stage: str) -> bool:
    return row["stage"] == stage and (current is None or current["stage"] != stage)


def hold_booking(drafted: Draft, circumstances: Circumstances) -> None:
    """Raises the first broken rule, or keeps them all as findings for who records."""
    for refusal in _broken(drafted, circumstances):
        if not circumstances.is_recording:
            raise booking_error(refusal)
        drafted.findings.append(refusal)
    _check_far_away(drafted, circumstances)


def _broken(drafted: Draft, circumstances: Circumstances) -> Iterator[Refusal]:
    current, row, policy = drafted.current, drafted.row, circumstances.policy
    if current is not None:
        moment = drafted.occurred_at if circumstances.is_recording else circumstances.now
        today = circumstances.calendar.local_date(moment)
        locked = _locked_month(current, row, today, policy)
        if locked is not None:
            last = month_lock_ends(locked, policy.number("booking.month_lock_day"))
            yield month_locked(locked, last + timedelta(days=1))


def _locked_month(current: Row, row: Row, today: date, policy: Policy) -> date | None:
    """A day of the locked month that the change would alter."""
    if all(row[name] == current[name] for name in _BOOKED_BY):
        return None
    for version in (current, row):
        if is_booked(version) and is_month_locked(version["close_date"], today, policy):
            close_date: date = version["close_date"]
            return close_date
    return None


def downgrade(drafted: Draft) -> Refusal | None:
    """What holds a renewal won below its basis without a reason. The gate of 6 - Awaiting Signature
    asks for it with everything else, so this speaks after it, where that let the deal pass."""
    row = drafted.row
    if not _lacks_downgrade_reason(drafted):
        return None
    return Refusal(
        "downgrade_reason_missing",
        f"The renewal is won {-row['net_arr']:.2f} below its ARR basis: say why in lost_reason.",
    )


def _lacks_downgrade_reason(drafted: Draft) -> bool:
    row = drafted.row
    return (
        is_newly(row, drafted.current, "closed_won")
        and row["type"] == "renewal"
        and row["category"] not in REVERSING_CATEGORIES
        and row["net_arr"] < 0
        and not (row["lost_reason"] or "").strip()
    )


def too_far_away(close_date: date, circumstances: Circumstances) -> str | None:
    """What is wrong with a close date so many years ahead that it is a typing error."""
    years = circumstances.policy.number("close_date.max_years_ahead")
    last = months_after(circumstances.calendar.local_date(circumstances.now), 12 * years)
    if close_date <= last:
        return None
    return f"is more than {years} years ahead; the latest is {last}"


def _check_far_away(drafted: Draft, circumstances: Circumstances) -> None:
    close_date, current = drafted.row["close_date"], drafted.current
    if close_date is None or (current is not None and current["close_date"] == close_date):
        return
    sentence = too_far_away(close_date, circumstances)
    if sentence is None:
        return
    if not circumstances.is_recording:
        raise InvalidPayloadError.one("/close_date", "closes_far_away", sentence)
    drafted.findings.append(Refusal("closes_far_away", f"The close date {close_date} {sentence}."))


def stamp_submission(drafted: Draft, stated: Any) -> None:
    """Handed in for booking, a deal carries when it was; handed back, it carries it no more."""
    current, row = drafted.current, drafted.row
    if is_newly(row, current, "closing") and stated.get("submitted_at") is None:
        row["submitted_at"] = drafted.occurred_at
    elif current is not None and current["stage"] == "closing" and row["stage"] != "closing":
        is_kept = row["stage"] == "closed_won" or "submitted_at" in stated
        row["submitted_at"] = row["submitted_at"] if is_kept else None
    elif current is not None and current["stage"] == "closed_won" != row["stage"]:
        # Won again it is booked by when it is handed in then, not by when it once was.
        row["submitted_at"] = row["submitted_at"] if "submitted_at" in stated else None
