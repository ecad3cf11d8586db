"""How values are written in other systems' files, and what they mean: dates, instants, numbers.

Pure: no file, no database, no clock. A value that cannot be read raises `UnreadableError` with a
sentence that says what is accepted; nothing is ever guessed silently.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from services.kit import money


class UnreadableError(Exception):
    """A value that is not what its column should hold. `code` is stable, `sentence` for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


_TOKENS: Final = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<short_year>\d{2})",
    "MON": r"(?P<month_name>[A-Za-z]{3,9})\.?",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{2})",
    "D": r"(?P<day>\d{1,2})",
    "hh": r"(?P<hour>\d{2})",
    "h": r"(?P<hour>\d{1,2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})(?:\.\d+)?",
    "AM": r"(?P<half>[AaPp])\.?[Mm]\.?",
}
_TOKEN: Final = re.compile("|".join(sorted(_TOKENS, key=len, reverse=True)))
_MONTHS: Final = (
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
)  # fmt: skip
ISO: Final = "ISO"
EXCEL: Final = "EXCEL"
EPOCH_MS: Final = "EPOCH_MS"
_MILLISECONDS: Final = re.compile(r"-?\d{8,14}")
_EXCEL_EPOCH: Final = datetime.combine(date(1899, 12, 30), time())
_EXCEL_SERIAL: Final = re.compile(r"\d{4,6}(\.\d+)?")


@dataclass(frozen=True, slots=True)
class TimeRules:
    """How instants are written. `formats` are tried in order; `century_pivot` is the first
    two-digit year of the last century; `zone` is where a clock without an offset hangs."""

    formats: tuple[str, ...]
    zone: ZoneInfo
    century_pivot: int = 69


class Moment(NamedTuple):
    """A local date and time as it was written; `aware` when it names its own offset.
    `is_ambiguous`: another format of the list reads another day out of it."""

    at: datetime
    has_time: bool
    is_ambiguous: bool


@lru_cache(maxsize=256)
def format_pattern(format_: str) -> re.Pattern[str]:
    """The pattern of a format such as `MM/DD/YY hh:mm AM`. Raises UnreadableError on a format
    that names no complete date."""
    parts: list[str] = []
    position = 0
    for token in _TOKEN.finditer(format_):
        parts.append(re.escape(format_[position : token.start()]))
        parts.append(_TOKENS[token.group()])
        position = token.end()
    parts.append(re.escape(format_[position:]))
    try:
        pattern = re.compile("".join(parts).replace(r"\ ", r"\s+"))
    except re.error as error:
        raise UnreadableError("bad_format", f"{format_!r} names a part twice") from error
    named = set(pattern.groupindex)
    if not ({"year", "short_year"} & named and {"month", "month_name"} & named and "day" in named):
        raise UnreadableError(
            "bad_format",
            f"{format_!r} is not a date format: use YYYY or YY, MM, M or MON, DD or D, and for a"
            " time hh or h, mm, ss, AM; or ISO, or EXCEL for serial numbers",
        )
    return pattern


def read_moment(text: str, rules: TimeRules) -> Moment:
    """The date, and time if there is one, that `text` writes in one of the formats."""
    found: datetime | None = None
    has_time = False
    for format_ in rules.formats:
        candidate = _in_format(text, format_, rules.century_pivot)
        if candidate is None:
            continue
        if found is None:
            found, has_time = candidate
        elif candidate[0].date() != found.date():
            return Moment(found, has_time, True)
    if found is None:
        accepted = ", ".join(rules.formats)
        raise UnreadableError(
            "unreadable_date", f"{text[:40]!r} is not a date; accepted: {accepted}"
        )
    return Moment(found, has_time, False)


def _in_format(text: str, format_: str, pivot: int) -> tuple[datetime, bool] | None:
    if format_ == ISO:
        return _iso(text)
    if format_ == EXCEL:
        return _excel(text)
    if format_ == EPOCH_MS:
        return _epoch(text)
    match = format_pattern(format_).fullmatch(text)
    return None if match is None else _assembled(match.groupdict(), pivot)


def _iso(text: str) -> tuple[datetime, bool] | None:
    if len(text) < 10 or text[4] != "-":
        return None
    try:
        return datetime.fromisoformat(text), len(text) > 10
    except ValueError:
        return None


def _excel(text: str) -> tuple[datetime, bool] | None:
    if _EXCEL_SERIAL.fullmatch(text) is None:
        return None
    return _EXCEL_EPOCH + timedelta(days=float(text)), "." in text


def _epoch(text: str) -> tuple[datetime, bool] | None:
    """Milliseconds since 1970, in UTC; midnight there is a day and no moment."""
    if _MILLISECONDS.fullmatch(text) is None:
        return None
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(text))
    return (at.replace(tzinfo=None), False) if at.time() == time() else (at, True)


def _assembled(parts: dict[str, str | None], pivot: int) -> tuple[datetime, bool] | None:
    try:
        at = datetime.combine(date(*_day(parts, pivot)), time(*_time(parts)))
    except (ValueError, KeyError):
        return None
    return at, parts.get("hour") is not None


def _day(parts: dict[str, str | None], pivot: int) -> tuple[int, int, int]:
    if (short := parts.get("short_year")) is not None:
        year = int(short) + (1900 if int(short) >= pivot else 2000)
    else:
        year = int(parts["year"] or "")
    if (name := parts.get("month_name")) is not None:
        month = _MONTHS.index(name[:3].lower()) + 1
    else:
        month = int(parts["month"] or "")
    return year, month, int(parts["day"] or "")


def _time(parts: dict[str, str | None]) -> tuple[int, int, int]:
    hour = int(parts.get("hour") or 0)
    half = parts.get("half")
    if half is not None:
        # A twelve-hour clock shows 1 to 12; `datetime` refuses the -1.
        hour = hour % 12 + (12 if half in "Pp" else 0) if 1 <= hour <= 12 else -1
    return hour, int(parts.get("minute") or 0), int(parts.get("second") or 0)


def instant_of(moment: Moment, zone: ZoneInfo) -> datetime:
    """In UTC. A clock time without an offset is the zone's; a date alone is its first moment."""
    at = moment.at if moment.at.tzinfo is not None else moment.at.replace(tzinfo=zone)
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise UnreadableError("unreadable_date", f"{moment.at} is at the end of time") from error


def date_of(moment: Moment, zone: ZoneInfo) -> date:
    """The calendar day in the zone; only a moment with its own offset can fall on another."""
    return moment.at.date() if moment.at.tzinfo is None else moment.at.astimezone(zone).date()


class Amount(NamedTuple):
    """A number, and the currency written next to it if any."""

    value: Decimal
    currency: str | None


_SIGNS: Final = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR"}
_SIGN: Final = r"(US\$|[$€£¥₹]|[A-Z]{3})"
_CURRENCY: Final = re.compile(rf"^([-+\u2212(]?)\s*{_SIGN}|{_SIGN}(\)?)$")
_SPACE: Final = r"[\s\u00a0\u202f'\u2019]"
_SPACED: Final = re.compile(rf"\d{{1,3}}({_SPACE}\d{{3}})+([.,]\d+)?")
_SCIENTIFIC: Final = re.compile(r"-?\d(\.\d+)?[eE]\+?\d{1,2}")
_GROUPED: Final = {
    ",": re.compile(r"\d{1,3}(,\d{3})+|\d{1,3}(,\d{2})*,\d{3}"),
    ".": re.compile(r"\d{1,3}(\.\d{3})+"),
}


def read_number(text: str, decimal_mark: str) -> Amount:
    """A number written with or without thousands separators and a currency.

    `decimal_mark` decides only what the text leaves open: with both marks in it the last one is
    the decimal, and a mark that occurs twice separates thousands.
    """
    body = text.strip()
    currency = None
    if (match := _CURRENCY.search(body)) is not None:
        written = match[2] or match[3]
        currency = _SIGNS.get(written, written)
        kept = (match[1] or "") + (match[4] or "")
        body = (body[: match.start()] + kept + body[match.end() :]).strip()
    is_negative = False
    if body.startswith("(") and body.endswith(")"):
        body, is_negative = body[1:-1], True
    elif body.endswith("-"):
        body, is_negative = body[:-1], True
    elif body[:1] in "+-\u2212" and body[:1]:
        body, is_negative = body[1:], body[0] != "+"
    body = body.strip()
    if _SPACED.fullmatch(body):
        body = re.sub(_SPACE, "", body)
    if not _SCIENTIFIC.fullmatch(body):
        body = _plain_digits(body, decimal_mark, text)
    try:
        value = Decimal(body)
    except InvalidOperation as error:
        raise _not_a_number(text) from error
    return Amount(-value if is_negative else value, currency)


def _plain_digits(body: str, decimal_mark: str, text: str) -> str:
    """The digits with a point for the decimal mark and without separators."""
    point, comma = body.rfind("."), body.rfind(",")
    if point >= 0 and comma >= 0:
        mark = "." if point > comma else ","
    elif body.count(".") > 1:
        mark = ","
    elif body.count(",") > 1:
        mark = "."
    else:
        mark = decimal_mark
    separator = "," if mark == "." else "."
    whole, _, fraction = body.partition(mark)
    if separator in fraction or not (whole + fraction).replace(separator, "").isascii():
        raise _not_a_number(text)
    if separator in whole and _GROUPED[separator].fullmatch(whole) is None:
        raise UnreadableError(
            "unreadable_number",
            f"{text[:40]!r} is not a number with the decimal mark {decimal_mark!r}: thousands are"
            " separated every three digits",
        )
    digits = whole.replace(separator, "")
    if not (digits + fraction).isdigit():
        raise _not_a_number(text)
    return f"{digits or '0'}.{fraction or '0'}"


def _not_a_number(text: str) -> UnreadableError:
    return UnreadableError("unreadable_number", f"{text[:40]!r} is not a number")


def money_text(value: Decimal) -> str:
    """The amount as records take it, with two places. More than two that are not zero are an
    error: half a cent is usually a decimal mark read wrongly."""
    try:
        return money.text(money.parse(value))
    except money.MoneyError as error:
        raise UnreadableError("unreadable_amount", error.sentence) from error


def whole_number(value: Decimal) -> int:
    if value != value.to_integral_value():
        raise UnreadableError("not_a_whole_number", f"{value} is not a whole number")
    return int(value)


_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


def read_email(text: str) -> str:
    """Looks like an address; whether it is one, the record's own schema says."""
    if _EMAIL.fullmatch(text) is None:
        raise UnreadableError("unreadable_email", f"{text[:40]!r} is no address of e-mail")
    return text


_TRUE: Final = frozenset({"true", "yes", "y", "1", "t", "x"})
_FALSE: Final = frozenset({"false", "no", "n", "0", "f"})


def read_boolean(text: str) -> bool:
    folded = text.casefold()
    if folded in _TRUE:
        return True
    if folded in _FALSE:
        return False
    raise UnreadableError("unreadable_boolean", f"{text[:40]!r} is neither yes nor no")


def folded(text: str) -> str:
    """What two spellings of one name have in common: case and surplus spaces do not count."""
    return " ".join(text.casefold().split())
