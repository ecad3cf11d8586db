"""Field types: what is taken, what is refused, and under which code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from services.kit import schemas
from services.kit.schemas import Text


def code_of(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    (detail,) = refused.value.errors()
    return str(detail["type"])


@pytest.mark.parametrize(
    ("value", "amount"),
    [("1", "1.00"), (7, "7.00"), ("-0.5", "-0.50"), ("0012.30", "12.30"), ("-0", "0.00")],
)
def test_takes_money(value: Any, amount: str) -> None:
    assert str(TypeAdapter(schemas.Money).validate_python(value)) == amount


@pytest.mark.parametrize(
    "value",
    [1.0, "1.001", "1e3", "\u0661", "Infinity", "", " 1", "1_000", True, None, [], "9" * 17],
)
def test_refuses_other_money(value: Any) -> None:
    assert code_of(schemas.Money, value) == "invalid_money"


def test_positive_money_takes_zero() -> None:
    assert TypeAdapter(schemas.PositiveMoney).validate_python("0") == Decimal("0.00")
    assert code_of(schemas.PositiveMoney, "-0.01") == "negative_money"


@pytest.mark.parametrize("value", ["usd", "US", "XXX", "XAU", 840, None])
def test_refuses_other_currencies(value: Any) -> None:
    assert code_of(schemas.Currency, value) == "invalid_currency"


def test_takes_days_up_to_twenty_years_ahead(
    clock_at: Callable[[datetime], AbstractContextManager[None]],
) -> None:
    day = TypeAdapter(schemas.Day)
    with clock_at(datetime(2026, 6, 17, tzinfo=UTC)):
        assert day.validate_python("1990-01-01") == date(1990, 1, 1)
        assert day.validate_python("2046-12-31") == date(2046, 12, 31)
        assert code_of(schemas.Day, "2047-01-01") == "date_out_of_range"
        assert code_of(schemas.Day, "2126-06-17") == "date_out_of_range"
        assert code_of(schemas.Day, "1989-12-31") == "date_out_of_range"


@pytest.mark.parametrize(
    "value", ["2026-6-1", "2026-02-29", "20260601", "2026-06-01T00:00:00", 20260601, 1.5, "", None]
)
def test_refuses_other_days(value: Any) -> None:
    assert code_of(schemas.Day, value) == "invalid_date"


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-17T17:00:00Z",
        "2026-06-17t17:00Z",
        "2026-06-17 19:00:00.000+02:00",
        "2026-06-17T17:00:00.000000000Z",
    ],
)
def test_takes_instants_in_any_zone(value: str) -> None:
    instant = TypeAdapter(schemas.Instant).validate_python(value)
    assert instant == datetime(2026, 6, 17, 17, tzinfo=UTC)
    assert instant.tzinfo is UTC


@pytest.mark.parametrize(
    "value", ["2026-06-17T17:00:00", "2026-06-17", "2026-06-17T25:00:00Z", 1781715600, "", None]
)
def test_refuses_other_instants(value: Any) -> None:
    assert code_of(schemas.Instant, value) == "invalid_instant"


def test_the_future_has_not_happened(
    clock_at: Callable[[datetime], AbstractContextManager[None]],
) -> None:
    with clock_at(datetime(2026, 6, 17, 17, tzinfo=UTC)):
        assert TypeAdapter(schemas.PastInstant).validate_python("2026-06-17T17:00:00Z")
        assert code_of(schemas.PastInstant, "2026-06-17T17:00:00.000001Z") == (
            "instant_in_the_future"
        )
        assert TypeAdapter(schemas.PastDay).validate_python("2026-06-18")
        assert code_of(schemas.PastDay, "2026-06-19") == "date_in_the_future"


@pytest.mark.parametrize("value", ["", " ", " a", "a ", "a\tb", "a" * 256, "a\x85", 7, None])
def test_refuses_other_external_ids(value: Any) -> None:
    assert code_of(schemas.ExternalId, value) in ("blank_text", "invalid_text", "text_too_long")


@pytest.mark.parametrize("value", ["006-1", "a/b c", "é", "日本", "{x}", "a" * 255])
def test_takes_external_ids_of_any_script(value: str) -> None:
    assert TypeAdapter(schemas.ExternalId).validate_python(value) == value


def test_only_prose_has_lines() -> None:
    assert TypeAdapter(schemas.Note).validate_python("a\nb\tc") == "a\nb\tc"
    assert code_of(schemas.Label, "a\nb") == "invalid_text"
    assert code_of(Annotated[str, Text(3)], "abcd") == "text_too_long"


@pytest.mark.parametrize("value", [True, 1.0, "1", -1, 10**16, None])
def test_a_count_is_a_whole_number(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(schemas.Count).validate_python(value)


def test_a_reason_may_quote_braces() -> None:
    with pytest.raises(ValidationError, match=r"\{braces\}"):
        TypeAdapter(schemas.Money).validate_python("{braces}")
