"""Field types shared by every payload: what text, money, dates and instants may look like on input.

Each refusal says what is accepted instead. No service's vocabulary belongs here. Types are strict:
a float is never money, a number never a date, and an unknown field never passes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError, core_schema

from services.kit import clock, money

EXTERNAL_ID_LENGTH_MAX: Final = 255
LARGEST_COUNT: Final = 10**15
"""Head counts and seats: far above anything real, far below a bigint."""

_FIRST_YEAR = 1990
_YEARS_AHEAD = 20
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:?[0-9]{2})"
)
# C0 and C1 controls, less the tab and line breaks that belong in a longer text.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_LINE_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

# Active codes of ISO 4217 with a country behind them, and those withdrawn since 2020 that old
# records still carry; no metals, funds or test codes.
_CODES: Final = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN
    BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS
    GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW
    KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN
    NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK
    SGD SHP SLE SLL SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU
    UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG ZWL
"""
CURRENCIES: Final = frozenset(_CODES.split())


class StrictModel(BaseModel):
    """A payload: a field it does not know is refused, so that a typo cannot be swallowed."""

    model_config = ConfigDict(extra="forbid")

    def stated(self) -> dict[str, Any]:
        """The fields that were sent, null included; what is absent is not to be touched."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def refuse(code: str, reason: str) -> PydanticCustomError:
    """For validators: the field problem's code and sentence."""
    # As context and not as template: the reason may quote braces a client sent.
    return PydanticCustomError(code, "{reason}", {"reason": reason})


def _money(value: object) -> Decimal:
    try:
        return money.parse(value)
    except money.MoneyError as error:
        raise refuse("invalid_money", error.sentence) from error


def _not_negative(value: Decimal) -> Decimal:
    if value < 0:
        raise refuse("negative_money", "must not be negative")
    return value


_MONEY_SCHEMA = {
    "anyOf": [
        {"type": "string", "pattern": r"^-?[0-9]{1,16}(\.[0-9]{1,2})?$"},
        {"type": "integer", "minimum": -(10**15), "maximum": 10**15},
    ],
    "examples": ["125000.00"],
}
Money = Annotated[Decimal, BeforeValidator(_money), WithJsonSchema(_MONEY_SCHEMA)]
"""An amount as a string or an integer, never a float."""

PositiveMoney = Annotated[
    Decimal,
    BeforeValidator(_money),
    AfterValidator(_not_negative),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]{1,16}(\.[0-9]{1,2})?$"},
                {"type": "integer", "minimum": 0, "maximum": 10**15},
            ],
            "examples": ["125000.00"],
        }
    ),
]
"""An amount of zero or more."""


def _currency(value: object) -> str:
    if isinstance(value, str) and value in CURRENCIES:
        return value
    raise refuse("invalid_currency", "is not a currency of ISO 4217: write three capitals like USD")


Currency = Annotated[
    str, BeforeValidator(_currency), WithJsonSchema({"type": "string", "enum": sorted(CURRENCIES)})
]


def _bounded(length_max: int, controls: re.Pattern[str]) -> Callable[[object], str]:
    def check(value: object) -> str:
        if not isinstance(value, str):
            raise refuse("invalid_text", "must be text in quotes")
        if not value.strip():
            raise refuse("blank_text", "must not be blank; leave the field out or send null")
        if len(value) > length_max:
            raise refuse(
                "text_too_long", f"has {len(value)} characters; at most {length_max} are kept"
            )
        if controls.search(value):
            raise refuse("invalid_text", "must not contain control characters")
        return value

    return check


@dataclass(frozen=True, slots=True)
class Text:
    """`Annotated[str, Text(n)]`: 1 to `n` characters that are not blank; `lines` allows breaks."""

    length_max: int
    lines: bool = False

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        controls = _CONTROLS if self.lines else _LINE_CONTROLS
        return core_schema.no_info_plain_validator_function(_bounded(self.length_max, controls))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "minLength": 1, "maxLength": self.length_max}


Label = Annotated[str, Text(255)]
"""One line: names, titles, regions."""
Note = Annotated[str, Text(5000, lines=True)]
"""Prose: reasons, next steps, details."""


def _web_address(value: str) -> str:
    """Whoever reads it may follow it, so it is nothing that runs where it is shown."""
    if not value.startswith(("https://", "http://")):
        raise refuse("invalid_url", "must begin with https:// or http://")
    return value


WebAddress = Annotated[
    str,
    Text(2000),
    AfterValidator(_web_address),
    WithJsonSchema({"type": "string", "pattern": "^https?://.+", "maxLength": 2000}),
]


def check_external_id(value: object) -> str:
    """The text as it is. Surrounding blanks are refused, because they make invisible twins."""
    checked = _bounded(EXTERNAL_ID_LENGTH_MAX, _LINE_CONTROLS)(value)
    if checked != checked.strip():
        raise refuse("invalid_text", "must not start or end with a blank")
    return checked


ExternalId = Annotated[
    str,
    BeforeValidator(check_external_id),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": EXTERNAL_ID_LENGTH_MAX}),
]


def _email(value: object) -> str:
    checked = _bounded(320, _LINE_CONTROLS)(value)
    name, at, host = checked.rpartition("@")
    if not at or not name or not host or any(blank in checked for blank in " \u00a0"):
        raise refuse("invalid_email", "is not a mail address like ana@example.com")
    return checked


Email = Annotated[
    str, BeforeValidator(_email), WithJsonSchema({"type": "string", "maxLength": 320})
]


def latest_date() -> date:
    """The last day a record may carry; beyond it a year was mistyped."""
    today = clock.now().date()
    return date(today.year + _YEARS_AHEAD, 12, 31)


def _date(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        day = value
    elif isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError as error:
            raise refuse("invalid_date", f"{value} is not a day of the calendar") from error
    else:
        raise refuse("invalid_date", "must be a date written YYYY-MM-DD, like 2026-07-31")
    last = latest_date()
    if not date(_FIRST_YEAR, 1, 1) <= day <= last:
        raise refuse("date_out_of_range", f"must be from {_FIRST_YEAR}-01-01 to {last}")
    return day


Day = Annotated[date, BeforeValidator(_date), WithJsonSchema({"type": "string", "format": "date"})]
"""A date from 1990 to twenty years ahead."""


def _past_day(value: date) -> date:
    # A client's day may already have begun where ours has not.
    if value > clock.now().date() + timedelta(days=1):
        raise refuse("date_in_the_future", "must not be in the future")
    return value


PastDay = Annotated[
    date,
    BeforeValidator(_date),
    AfterValidator(_past_day),
    WithJsonSchema({"type": "string", "format": "date"}),
]
"""A date that has come, somewhere on earth."""


def _instant(value: object) -> datetime:
    instant = value
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            # Keeps microseconds of a finer fraction.
            instant = datetime.fromisoformat(value.upper())
        except ValueError as error:
            raise refuse("invalid_instant", f"{value} is not a time of the calendar") from error
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        raise refuse(
            "invalid_instant",
            "must be an instant of RFC 3339 with its offset, like 2026-06-17T17:00:00Z",
        )
    last = latest_date().year
    if not _FIRST_YEAR <= instant.year <= last:
        raise refuse("instant_out_of_range", f"must be from {_FIRST_YEAR} to {last}")
    return instant.astimezone(UTC)


_INSTANT_SCHEMA = {"type": "string", "format": "date-time"}
Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema(_INSTANT_SCHEMA)]
"""An aware instant, turned into UTC."""


def _past_instant(value: datetime) -> datetime:
    now = clock.now()
    if value > now:
        raise refuse(
            "instant_in_the_future",
            f"must not be in the future; it is {clock.isoformat(now)} now",
        )
    return value


PastInstant = Annotated[
    datetime,
    BeforeValidator(_instant),
    AfterValidator(_past_instant),
    WithJsonSchema(_INSTANT_SCHEMA),
]
"""When something happened: never in the future."""

Count = Annotated[int, Strict(), Field(ge=0, le=LARGEST_COUNT)]
"""A whole number of zero or more; neither true nor "3" is one."""
Flag = Annotated[bool, Strict()]


def _record_id(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise refuse("invalid_id", "must be a UUID like 01972f6e-7c00-7000-8000-000000000000")


RecordId = Annotated[
    UUID, BeforeValidator(_record_id), WithJsonSchema({"type": "string", "format": "uuid"})
]
