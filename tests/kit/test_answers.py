"""Answers: JSON and CSV, version tags."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from fastapi import Request

from services.kit.answers import check_version, if_match, record_answer, to_json
from services.kit.csv_answer import csv_response, figure_answer, list_answer, wants_csv
from services.kit.errors import InvalidPayloadError, StaleVersionError
from services.kit.ids import new_id


def request(method: str = "GET", query: str = "", **headers: str) -> Request:
    return Request(
        {
            "type": "http",
            "method": method,
            "path": "/",
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
            ],
        }
    )


def test_json_writes_money_and_instants_as_text() -> None:
    id_ = new_id()
    content = {
        "money": Decimal("1234.5"),
        "at": datetime(2026, 6, 17, 17, tzinfo=UTC),
        "day": date(2026, 6, 17),
        "id": id_,
        "set": {"b", "a"},
    }
    assert to_json(content).decode() == (
        '{"money":"1234.50","at":"2026-06-17T17:00:00.000000Z","day":"2026-06-17",'
        f'"id":"{id_}","set":["a","b"]}}'
    )


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "", False),
        ("", "*/*", False),
        ("", "text/csv", True),
        ("", "application/json", False),
        ("", "application/json, text/csv", False),
        ("", "text/csv, application/json;q=0.5", True),
        ("format=csv", "application/json", True),
        ("format=json", "text/csv", False),
    ],
)
def test_csv_is_answered_to_whoever_asks(query: str, accept: str, expected: bool) -> None:
    assert wants_csv(request(query=query, accept=accept)) is expected


def rows_of(body: bytes | memoryview) -> list[list[str]]:
    return list(csv.reader(io.StringIO(bytes(body).decode())))


def test_csv_flattens_and_keeps_columns_of_every_row() -> None:
    answer = csv_response(
        [{"a": {"b": 1, "c": {"d": None}}, "e": [1, 2]}, {"f": True, "m": Decimal("-1.0")}], ["e"]
    )
    assert rows_of(answer.body) == [
        ["e", "a.b", "a.c.d", "f", "m"],
        ["[1,2]", "1", "", "", ""],
        ["", "", "", "true", "-1.00"],
    ]


@pytest.mark.parametrize("text", ["=1+1", "+cmd|x", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_csv_disarms_formulas(text: str) -> None:
    assert rows_of(csv_response([{"a": text}]).body)[1] == ["'" + text]


@pytest.mark.parametrize("text", ["-12.50", "+49", "plain", "a=b", "12"])
def test_csv_leaves_numbers_and_words(text: str) -> None:
    assert rows_of(csv_response([{"a": text}]).body)[1] == [text]


def test_a_list_hands_on_its_cursor() -> None:
    as_json = list_answer(request(), [{"a": 1}], "next")
    assert bytes(as_json.body) == b'{"items":[{"a":1}],"next_cursor":"next"}'
    as_csv = list_answer(request(query="format=csv"), [], "next", ["a", "b"])
    assert as_csv.headers["x-next-cursor"] == "next"
    assert bytes(as_csv.body) == b"a,b\r\n"
    figure = figure_answer(request(query="format=csv"), {"a": {"b": "1.00"}})
    assert rows_of(figure.body) == [["a.b"], ["1.00"]]


@pytest.mark.parametrize("tag", ['"3"', "*", '"2", "3"', 'W/"3"'])
def test_304_for_a_known_version(tag: str) -> None:
    assert record_answer(request(if_none_match=tag), {}, 3).status_code == 304
    assert record_answer(request("PUT", if_none_match=tag), {}, 3).status_code == 200


def test_a_tag_names_the_body_where_that_rests_on_more() -> None:
    tag = record_answer(request(), {"days": 1}, 3, rests_on_more=True).headers["ETag"]
    known = request(if_none_match=tag)
    assert record_answer(known, {"days": 1}, 3, rests_on_more=True).status_code == 304
    for content, version in (({"days": 2}, 3), ({"days": 1}, 4)):
        assert record_answer(known, content, version, rests_on_more=True).status_code == 200
    by_version = request(if_none_match='"3"')
    assert record_answer(by_version, {"days": 1}, 3, rests_on_more=True).status_code == 200
    assert if_match(request(if_match=tag)) == tag
    check_version(tag, 3)
    with pytest.raises(StaleVersionError):
        check_version(tag, 4)


def test_if_match() -> None:
    check_version(None, None)
    check_version('"3"', 3)
    check_version("*", 3)
    for sent, current in (('"2"', 3), ("*", None), ('"1"', None)):
        with pytest.raises(StaleVersionError):
            check_version(sent, current)
    assert if_match(request(if_match='"7"')) == '"7"'
    assert if_match(request()) is None


@pytest.mark.parametrize("tag", ["7", '"x"', '""', "", '"7', '"7-"', '"7-x"'])
def test_if_match_must_be_a_version(tag: Any) -> None:
    with pytest.raises(InvalidPayloadError):
        if_match(request(if_match=tag))
