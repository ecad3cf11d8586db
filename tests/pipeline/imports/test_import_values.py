"""How values are written elsewhere and what they mean here."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.imports.domain import (
    TimeRules,
    UnreadableError,
    date_of,
    format_pattern,
    instant_of,
    money_text,
    read_boolean,
    read_moment,
    read_number,
    whole_number,
)

PACIFIC = ZoneInfo("America/Los_Angeles")


def rules(*formats: str, pivot: int = 69) -> TimeRules:
    return TimeRules(formats, PACIFIC, pivot)


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        ("2017-03-01", "ISO", "2017-03-01"),
        ("2017-03-01T22:30:00Z", "ISO", "2017-03-01"),
        ("2017-03-02T01:30:00+00:00", "ISO", "2017-03-01"),
        ("02/03/24", "MM/DD/YY", "2024-02-03"),
        ("02/03/98", "MM/DD/YY", "1998-02-03"),
        ("3.2.2024", "D.M.YYYY", "2024-02-03"),
        ("03 Feb 2024", "DD MON YYYY", "2024-02-03"),
        ("3-February-2024", "D-MON-YYYY", "2024-02-03"),
        ("45325", "EXCEL", "2024-02-03"),
    ],
)
def test_a_date_is_read_in_its_format(text: str, format_: str, expected: str) -> None:
    moment = read_moment(text, rules(format_))
    assert date_of(moment, PACIFIC).isoformat() == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("02/23/26 08:55 PM", datetime(2026, 2, 24, 4, 55, tzinfo=UTC)),
        ("02/23/26 12:05 AM", datetime(2026, 2, 23, 8, 5, tzinfo=UTC)),
        ("02/23/26 12:05 PM", datetime(2026, 2, 23, 20, 5, tzinfo=UTC)),
        # In summer the same clock is an hour nearer.
        ("07/01/26 08:55 PM", datetime(2026, 7, 2, 3, 55, tzinfo=UTC)),
    ],
)
def test_a_twelve_hour_clock_hangs_in_the_companys_zone(text: str, expected: datetime) -> None:
    moment = read_moment(text, rules("MM/DD/YY hh:mm AM"))
    assert instant_of(moment, PACIFIC) == expected


def test_a_date_alone_is_its_first_moment() -> None:
    moment = read_moment("2017-03-01", rules("ISO"))
    assert instant_of(moment, PACIFIC) == datetime(2017, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["02/30/24", "13/01/24", "2024-02-03", "02/23/26 13:05 PM", "soon", "02/23/26 00:05 AM"]
)
def test_what_is_no_date_is_refused_with_the_formats(text: str) -> None:
    with pytest.raises(UnreadableError) as refusal:
        read_moment(text, rules("MM/DD/YY", "MM/DD/YY hh:mm AM"))
    assert "MM/DD/YY hh:mm AM" in refusal.value.sentence


def test_two_formats_that_differ_about_a_day_are_reported() -> None:
    both = rules("DD/MM/YYYY", "MM/DD/YYYY")
    moment = read_moment("02/03/2024", both)
    assert (moment.at.day, moment.at.month, moment.is_ambiguous) == (2, 3, True)
    assert not read_moment("02/25/2024", both).is_ambiguous
    assert not read_moment("02/02/2024", both).is_ambiguous


@pytest.mark.parametrize("format_", ["MM/YY", "YYYY", "DD MM", "YYYY-MM-DD DD", "hello"])
def test_a_format_must_name_a_whole_date_once(format_: str) -> None:
    with pytest.raises(UnreadableError):
        format_pattern(format_)


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("1054.0", ".", "1054.0"),
        ("1,234.50", ".", "1234.50"),
        ("1.234,50", ".", "1234.50"),
        ("1.234,50", ",", "1234.50"),
        ("1,234", ".", "1234"),
        ("1.234", ",", "1234"),
        ("1,5", ",", "1.5"),
        ("12,34,567", ".", "1234567"),
        ("1.234.567", ".", "1234567"),
        ("1 234,50", ",", "1234.50"),
        ("1\u00a0234,50", ",", "1234.50"),
        ("1'234.50", ".", "1234.50"),
        ("(1,234.50)", ".", "-1234.50"),
        ("1234.50-", ".", "-1234.50"),
        ("-5", ".", "-5"),
        ("\u22125", ".", "-5"),
        ("1.5E+05", ".", "150000"),
        (".5", ".", "0.5"),
    ],
)
def test_a_number_is_read_however_it_is_grouped(text: str, mark: str, expected: str) -> None:
    assert read_number(text, mark).value == Decimal(expected)


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("$1,234", "USD"), ("1.234,50 €", "EUR"), ("EUR 12", "EUR"), ("£5", "GBP"),
        ("US$7", "USD"), ("12", None), ("-$5", "USD"), ("($5)", "USD"), ("-5 EUR", "EUR"), ("$-5", "USD"),
    ],
)  # fmt: skip
def test_a_currency_beside_the_number_is_told(text: str, currency: str | None) -> None:
    assert read_number(text, ".").currency == currency


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "1,23,4",
        "12.34.5",
        "1..2",
        "--5",
        "1,2,3",
        "5 EUR 6",
        "5 6",
        "1 2345",
        "٣٤",
        "1e999",
        "NaN",
        "Infinity",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_number(text, ".")


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=2), st.sampled_from(".,"))
def test_a_grouped_amount_comes_back_to_the_cent(amount: Decimal, mark: str) -> None:
    written = f"{amount:,.2f}"
    if mark == ",":
        written = written.translate(str.maketrans(",.", ".,"))
    assert read_number(written, mark).value == amount


def test_money_keeps_two_places_and_refuses_a_third() -> None:
    assert money_text(Decimal("1054.000")) == "1054.00"
    with pytest.raises(UnreadableError):
        money_text(Decimal("1.234"))


def test_a_count_is_whole() -> None:
    assert whole_number(Decimal("12.0")) == 12
    with pytest.raises(UnreadableError):
        whole_number(Decimal("12.5"))


@pytest.mark.parametrize(("text", "expected"), [("TRUE", True), ("no", False), ("1", True)])
def test_yes_and_no_have_many_spellings(text: str, expected: bool) -> None:
    assert read_boolean(text) is expected
    with pytest.raises(UnreadableError):
        read_boolean("perhaps")
