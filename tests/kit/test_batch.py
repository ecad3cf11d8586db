"""Batches: every item gets a result of its own, in its own place."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from services.kit.batch import (
    Batch,
    BatchBody,
    Change,
    Stored,
    required,
    sole,
    unknown_reference,
)
from services.kit.errors import InvalidPayloadError
from services.kit.ids import new_id
from services.kit.schemas import Count, ExternalId, Label, StrictModel


class Item(StrictModel):
    external_id: ExternalId
    name: Label | None = None
    seats: Count | None = None


def results(batch: Batch[Item]) -> list[dict[str, Any]]:
    answer = batch.answer()
    assert answer.status_code == 207
    parsed: list[dict[str, Any]] = orjson.loads(answer.body)["results"]
    return parsed


def test_results_keep_the_order_of_the_request() -> None:
    batch = Batch(
        [{"external_id": "a"}, 1, {"external_id": "b"}, {"external_id": "a"}, {"name": "x"}], Item
    )
    assert [item.index for item in batch.items] == [0, 2]
    first, second = new_id(), new_id()
    batch.settle_all([Stored(first, 1, created=True), Stored(second, 4, created=False)])
    found = results(batch)
    assert [result["index"] for result in found] == [0, 1, 2, 3, 4]
    assert [result["status"] for result in found] == [201, 422, 200, 409, 422]
    assert found[0] == {"index": 0, "status": 201, "id": str(first), "version": 1}
    assert found[3]["error"]["code"] == "duplicate_in_batch"


def test_the_first_of_two_applies_even_when_it_is_refused() -> None:
    batch = Batch([{"external_id": "a", "seats": -1}, {"external_id": "a"}], Item)
    assert batch.items == []
    assert [result["status"] for result in results(batch)] == [422, 409]


def test_pointers_lead_into_the_body() -> None:
    batch = Batch([{"external_id": "a"}, {"external_id": "b", "seats": 1.5, "sets": 2}], Item)
    batch.settle_all([unknown_reference("/name", "name", "x")])
    found = results(batch)
    assert found[0]["error"]["errors"][0]["pointer"] == "/items/0/name"
    assert [each["pointer"] for each in found[1]["error"]["errors"]] == [
        "/items/1/seats",
        "/items/1/sets",
    ]


def test_an_item_that_is_forgotten_is_noticed() -> None:
    batch = Batch([{"external_id": "a"}], Item)
    with pytest.raises(AssertionError, match="neither stored nor refused"):
        batch.answer()


def test_items_without_identity_have_no_duplicates() -> None:
    batch = Batch([{"external_id": "a"}, {"external_id": "a"}], Item, key=None)
    assert len(batch.items) == 2


def test_the_limit_is_for_the_whole() -> None:
    with pytest.raises(InvalidPayloadError) as refused:
        Batch([{}] * 1001, Item)
    assert refused.value.errors[0].pointer == "/items"


def test_the_body_describes_items_without_validating_them() -> None:
    body = BatchBody[Item].model_validate({"items": [1, {"external_id": "a"}]})
    assert body.items[0] == 1
    properties = BatchBody[Item].model_json_schema()
    assert "external_id" in str(properties["properties"]["items"]["items"])


def test_sole_raises_what_refused() -> None:
    stored = Stored(new_id(), 1, created=True)
    assert sole([stored]) is stored
    with pytest.raises(InvalidPayloadError):
        sole([required(["name"], "thing")])


def test_a_change_holds_what_was_sent_and_nothing_else() -> None:
    item = Item.model_validate({"external_id": "a", "seats": None})
    assert Change.of("a", item) == Change("a", {"seats": None})
