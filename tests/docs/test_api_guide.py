"""The guides' exchanges, each guide's one after another in a fresh workspace."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.kit import clock
from tests.client import Api
from tests.docs.guide import ROOT, exchanges, filled, missing

_PAGES = sorted(
    page
    for folder in ("qualification", "pipeline")
    for page in (ROOT / "docs" / folder).glob("*.md")
)
GUIDES = ["docs/api-guide.md", *(str(path.relative_to(ROOT)) for path in _PAGES)]
# The day the guide plays on; the clock goes on from there, so that batches have distinct instants.
START = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


@pytest.mark.parametrize("guide", GUIDES)
async def test_every_exchange_is_true(api: Api, guide: str) -> None:
    started = datetime.now(UTC)
    with clock.replaced(lambda: START + (datetime.now(UTC) - started)):
        await _play(api, guide)


async def _play(api: Api, guide: str) -> None:
    names: dict[str, str] = {"soon": (START + timedelta(minutes=1)).isoformat()}
    played = exchanges(guide)
    assert len(played) >= 5
    for exchange in played:
        if "/forecast/" in exchange.path:
            await api.settle()
        if guide.startswith("docs/pipeline/") and exchange.method == "GET":
            await api.follow()
        response = await api.request(
            exchange.method,
            filled(exchange.path, names),
            content=filled(exchange.body, names) if exchange.body else None,
            headers={"Content-Type": "application/json"}
            | {name: filled(value, names) for name, value in exchange.headers.items()},
        )
        where = f"{guide}:{exchange.line} {exchange.method} {exchange.path}"
        if exchange.status is not None:
            assert response.status_code == exchange.status, f"{where}: {response.text}"
        else:
            assert response.is_success, f"{where}: {response.status_code} {response.text}"
        if exchange.expected is not None:
            problems = missing(exchange.expected, response.json())
            assert not problems, f"{where}: {problems}"
        if response.headers.get("content-type", "").startswith("application/json"):
            _remember(names, response.json())


def _remember(names: dict[str, str], answer: object) -> None:
    """`id`, `as_of` and `sequence` of the last answer that had them."""
    if isinstance(answer, dict):
        for name in ("id", "as_of", "opportunity_id"):
            if isinstance(answer.get(name), str):
                names[name] = answer[name]
        freshness = answer.get("freshness")
        if isinstance(freshness, dict):
            names["sequence"] = str(freshness["sequence"])
