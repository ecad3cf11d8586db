"""When an opportunity's order type is decided anew, and what it then is. Pure: what the account's
family bought is looked up only for drafts that `needs_family` names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from services.pipeline.opportunities import domain
from services.pipeline.opportunities.drafts import Circumstances, Draft
from services.pipeline.opportunities.families import Families
from services.pipeline.opportunities.stages import STAGE
from services.workspace.policy import Policy

_ORDER_TYPE_INPUTS: Final = (
    "type",
    "category",
    "amount",
    "account_id",
    "stage",
    "renewal_loss_category",
    "expected_renewed_arr",
    "net_arr",
)


def needs_family(drafted: Draft) -> bool:
    """Whether the order type cannot be decided without what the account's family bought."""
    row, current = drafted.row, drafted.current
    if row["account_id"] is None or not is_order_type_open(drafted):
        return False
    if row["type"] == "renewal":
        return row["stage"] == "closed_lost" or row["renewal_loss_category"] != "none"
    if current is None or "order_type" in current["stated_fields"]:
        return True
    return current["order_type"] == "ps_other" or any(
        row[name] != current[name] for name in ("type", "account_id", "stage")
    )


def is_order_type_open(drafted: Draft) -> bool:
    """Whether something it depends on has changed; one that is stated is not ours to decide, and
    one that was stamped when the opportunity closed stays."""
    row, current = drafted.row, drafted.current
    if "order_type" in row["stated_fields"]:
        return False
    if current is None or "order_type" in current["stated_fields"]:
        return True
    if row["stage"] == current["stage"] and not STAGE[row["stage"]].is_open:
        return False
    return any(row[name] != current[name] for name in _ORDER_TYPE_INPUTS)


def order_type_now(
    row: Mapping[str, Any],
    current: Mapping[str, Any] | None,
    families: Families,
    today: date,
    policy: Policy,
) -> str:
    """What the row would be stamped with if it closed on that day as it stands."""
    inputs = domain.OrderTypeInputs(
        row["type"],
        row["stage"],
        row["amount"],
        row["net_arr"],
        row["renewal_loss_category"],
        row["expected_renewed_arr"],
        row["category"],
    )
    return domain.order_type(inputs, families.facts(row, current, today), policy)


def give_order_type(drafted: Draft, families: Families, circumstances: Circumstances) -> None:
    """Stamps the row as it would be if it closed as it stands."""
    row, current = drafted.row, drafted.current
    today = circumstances.calendar.local_date(drafted.occurred_at)
    found = order_type_now(row, current, families, today, circumstances.policy)
    if found != "ps_other" and row["type"] != "renewal" and not needs_family(drafted):
        # Neither the account nor the stage moved, so the family was not looked up: what it said
        # when they last did stands.
        found = row["order_type"] if current is not None else found
    row["order_type"] = found
