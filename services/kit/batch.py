"""Batches: many items in one request, each of which is stored or refused by itself.

    batch = Batch(body.items, AccountItem)        # validates; duplicates and bad items are refused
    outcomes = await service.upsert(session, principal, [item.values for item in batch.items])
    for item, outcome in zip(batch.items, outcomes, strict=True):
        batch.settle(item, outcome)               # Stored, or the ServiceError that refused it
    return batch.answer()                         # 207, results in the order of the request

A use case therefore returns one outcome an item and raises only what concerns the whole request.
The single PUT is the same use case with one item: `sole(outcomes)` returns what was stored or
raises the refusal. Field problems of a use case point into one record ("/owner_external_id");
here they are moved to the item's place in the body ("/items/3/owner_external_id").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, Field, SkipValidation, ValidationError

from services.kit.answers import json_answer
from services.kit.app import field_problems
from services.kit.errors import ConflictError, FieldProblem, InvalidPayloadError, ServiceError
from services.kit.schemas import StrictModel
from services.kit.settings import get_settings

M = TypeVar("M", bound=BaseModel)


class DuplicateInBatchError(ConflictError):
    """409: this external id was already named by an earlier item, which is the one that applies."""

    code = "duplicate_in_batch"

    def __init__(self, key: str, first: int) -> None:
        super().__init__(
            f"Item {first} of this batch already has {key[:200]!r}; the first one applies. "
            "Send one item for each record."
        )


class BatchBody(StrictModel, Generic[M]):
    """The body of a batch. Items are described in the API but validated one by one by `Batch`, so
    that a bad one does not fail the others."""

    items: list[SkipValidation[M]] = Field(description="At most 1,000 by default.")


class BatchResult(BaseModel):
    """What became of one item; `id` and `version` where it was stored, `error` where it was not."""

    index: int
    status: int
    id: UUID | None = None
    version: int | None = None
    error: dict[str, Any] | None = None


class BatchAnswer(BaseModel):
    """One result an item, in the order of the request."""

    results: list[BatchResult]


@dataclass(frozen=True, slots=True)
class Stored:
    """An item that is in: `status` 201 for a new record, 200 for one that was there, changed or
    not. `record` is the row for whoever answers with it."""

    id: UUID
    version: int
    created: bool
    changed: bool = True
    record: Any = field(default=None, repr=False)

    @property
    def status(self) -> int:
        return 201 if self.created else 200


Outcome = Stored | ServiceError


def sole(outcomes: Sequence[Outcome]) -> Stored:
    """What one item became; raises the error that refused it."""
    (outcome,) = outcomes
    if isinstance(outcome, ServiceError):
        raise outcome
    return outcome


def _moved(error: ServiceError, base: str) -> dict[str, Any]:
    """The problem with its pointers moved below `base`."""
    problem = error.problem()
    for entry in problem.get("errors", ()):
        if not entry["pointer"] or entry["pointer"].startswith("/"):
            entry["pointer"] = base + entry["pointer"]
    return problem


@dataclass(frozen=True, slots=True)
class BatchItem(Generic[M]):
    index: int
    values: M


class Batch(Generic[M]):
    """The items of one request and what became of them. `key` is the field whose second occurrence
    is a duplicate; None where items have no identity of their own."""

    def __init__(
        self, items: Sequence[Any], model: type[M], *, key: str | None = "external_id"
    ) -> None:
        limit = get_settings().batch_items_max
        if len(items) > limit:
            raise InvalidPayloadError.one(
                "/items", "too_many_items", f"has {len(items)} items; send at most {limit} at once"
            )
        self.items: list[BatchItem[M]] = []
        self._results: list[dict[str, Any] | None] = [None] * len(items)
        seen: dict[Any, int] = {}
        for index, raw in enumerate(items):
            if not isinstance(raw, dict):
                self.refuse(index, _NOT_AN_OBJECT)
                continue
            named = raw.get(key) if key is not None else None
            if isinstance(named, str):
                first = seen.setdefault(named, index)
                if first != index:
                    self.refuse(index, DuplicateInBatchError(named, first))
                    continue
            try:
                values = model.model_validate(raw)
            except ValidationError as error:
                self.refuse(index, _invalid(error))
            else:
                self.items.append(BatchItem(index, values))

    @property
    def values(self) -> list[M]:
        """The items still to be done, in order."""
        return [item.values for item in self.items]

    def refuse(self, index: int, error: ServiceError) -> None:
        """The item is not stored, and this is why."""
        problem = _moved(error, f"/items/{index}")
        self._results[index] = {"index": index, "status": error.status, "error": problem}

    def settle(self, item: BatchItem[M], outcome: Outcome) -> None:
        """What the use case made of the item."""
        if isinstance(outcome, ServiceError):
            self.refuse(item.index, outcome)
            return
        self._results[item.index] = {
            "index": item.index,
            "status": outcome.status,
            "id": outcome.id,
            "version": outcome.version,
        }

    def settle_all(self, outcomes: Sequence[Outcome]) -> None:
        """Outcomes of `values`, in their order."""
        for item, outcome in zip(self.items, outcomes, strict=True):
            self.settle(item, outcome)

    def answer(self) -> Response:
        """207 with a result for every item, in the order of the request."""
        missing = [index for index, result in enumerate(self._results) if result is None]
        assert not missing, f"items {missing[:5]} were neither stored nor refused"
        return json_answer({"results": self._results}, 207)


_NOT_AN_OBJECT = InvalidPayloadError.one("", "invalid_item", "an item must be a JSON object")


def _invalid(error: ValidationError) -> InvalidPayloadError:
    details: list[Any] = list(error.errors(include_url=False, include_context=False))
    return InvalidPayloadError(field_problems(details))


def required(missing: Sequence[str], kind: str) -> InvalidPayloadError:
    """A new record lacks fields that have no default."""
    return InvalidPayloadError(
        [FieldProblem(f"/{name}", "missing", f"is required for a new {kind}") for name in missing]
    )


def unknown_reference(pointer: str, kind: str, external_id: str) -> InvalidPayloadError:
    """A field names a record that is not there."""
    return InvalidPayloadError.one(
        pointer,
        "unknown_reference",
        f"there is no {kind} {external_id[:100]!r} in this workspace; create it first",
    )


def same_external_id(named: str, sent: str | None) -> None:
    """A PUT may repeat its external id in the body, but not say another one."""
    if sent is not None and sent != named:
        raise InvalidPayloadError.one(
            "/external_id",
            "different_external_id",
            f"must be left out or equal the {named[:100]!r} of the path",
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What a client stated about one record: absent fields are untouched, null clears."""

    external_id: str
    stated: dict[str, Any]

    @classmethod
    def of(cls, external_id: str, payload: StrictModel) -> Change:
        stated = payload.stated()
        stated.pop("external_id", None)
        return cls(external_id, stated)
