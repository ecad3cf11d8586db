"""Small books of opportunities for the tests of figures, told through HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.client import Api

IN_QUARTER = "2026-07-15"
"""A day of FY27-Q2."""

_BLANK: dict[str, Any] = {
    "type": "new_business",
    "amount": "0.00",
    "currency": "USD",
    "term_months": 12,
    "renewal_loss_category": "none",
    "owner_external_id": "ana",
    "account_external_id": "acme",
}


async def people(api: Api, managers: dict[str, str | None], **fields: Any) -> dict[str, str]:
    """Users with their managers, and the account everything is sold to; ids by external id."""
    ids = {}
    for name, manager in managers.items():
        ids[name] = (
            await api.call(
                "PUT",
                f"/pipeline/v1/users/by-external-id/{name}",
                json={
                    "name": name.title(),
                    "email": f"{name}@example.com",
                    "role": "manager" if name in managers.values() else "rep",
                    "manager_external_id": manager,
                    "segment": "mid_market",
                    "region": "EMEA",
                    **fields,
                },
            )
        )["id"]
    await api.call(
        "PUT", "/pipeline/v1/accounts/by-external-id/acme", json={"name": "Acme", "employees": 500}
    )
    return ids


def opportunity(
    external_id: str, stage: str, close_date: str | None = IN_QUARTER, **fields: Any
) -> dict[str, Any]:
    return _BLANK | {
        "external_id": external_id,
        "name": external_id,
        "stage": stage,
        "close_date": close_date,
        **fields,
    }


async def tell(api: Api, items: Iterable[dict[str, Any]]) -> None:
    """Writes the opportunities in one batch and posts them."""
    answer = await api.call("POST", "/pipeline/v1/opportunities/batch", json={"items": list(items)})
    refused = [result for result in answer["results"] if result["status"] >= 300]
    assert not refused, refused[0]
    await api.settle()


async def change(api: Api, external_id: str, **fields: Any) -> None:
    """One more version, posted."""
    await api.call("PUT", f"/pipeline/v1/opportunities/by-external-id/{external_id}", json=fields)
    await api.settle()


async def forecast(api: Api, quarter: str = "FY27-Q2", **params: Any) -> dict[str, Any]:
    answer: dict[str, Any] = await api.call(
        "GET", f"/forecast/v1/forecasts/{quarter}", params=params
    )
    return answer


def worked_example() -> list[dict[str, Any]]:
    """Ana's fourteen opportunities on 2026-06-17."""
    renewal = {"type": "renewal"}
    return [
        opportunity("O1", "closed_won", amount="60000"),
        opportunity("O2", "closed_won", type="add_on", amount="20000", term_months=6),
        opportunity(
            "O3", "closed_won", **renewal, amount="140000", true_up_amount="20000",
            arr_basis="120000",
        ),
        opportunity("O4", "closed_lost", **renewal, arr_basis="30000"),
        opportunity(
            "O5", "closed_won", **renewal, amount="160000", term_months=24, arr_basis="100000"
        ),
        opportunity("O6", "awaiting_signature", amount="360000", term_months=36),
        opportunity("O7", "negotiating", type="add_on", amount="90000", term_months=18),
        opportunity("O8", "proposal", amount="88000", services_amount="8000"),
        opportunity("O9", "proposal", **renewal, amount="150000", arr_basis="100000"),
        opportunity("O10", "scoping", "2026-07-31", amount="70000"),
        opportunity("O11", "pending_acceptance", amount="45000"),
        opportunity("O12", "discovery", "2026-09-30", amount="90000"),
        opportunity(
            "O13", "scoping", **renewal, amount=None, arr_basis="40000",
            renewal_loss_category="commit",
        ),
        opportunity(
            "O14", "technical_evaluation", **renewal, amount="65000", arr_basis="90000",
            expected_renewed_arr="65000", renewal_loss_category="best_case",
        ),
    ]  # fmt: skip
