"""From bytes to rows, whatever the encoding, the delimiter and the damage."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipeline.imports.mapping import Format
from services.pipeline.imports.parsing import LINE_BYTES_MAX, BadRow, Reader, Row


def read(body: bytes, piece: int | None = None, **format_: object) -> list[Row | BadRow]:
    reader = Reader(Format.model_validate(format_))
    rows: list[Row | BadRow] = []
    step = piece or max(len(body), 1)
    starts = range(0, max(len(body), 1), step)
    for start in starts:
        reader.feed(body[start : start + step], last=start + step >= len(body))
        rows += reader.rows()
    return rows


def values(rows: list[Row | BadRow]) -> list[list[str]]:
    return [list(row.values.values()) for row in rows if isinstance(row, Row)]


TEXT = 'id,name,amount\n1,Ünal & Co,5\n2,"Smith, Jane",6\n'


@pytest.mark.parametrize(
    "body",
    [
        TEXT.encode(),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-16-le").join([b"\xff\xfe", b""]),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        TEXT.rstrip("\n").encode(),
        TEXT.replace("\n", "\n\n").encode(),
    ],
    ids=["utf-8", "bom", "utf-16", "utf-16-le", "crlf", "cr", "no-final-newline", "blank-lines"],
)
def test_the_same_table_in_every_dress(body: bytes) -> None:
    assert values(read(body)) == [["1", "Ünal & Co", "5"], ["2", "Smith, Jane", "6"]]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_the_delimiter_is_told_by_the_header(delimiter: str) -> None:
    body = delimiter.join(["id", '"a,b"', "c"]) + "\n" + delimiter.join(["1", "2", "3"]) + "\n"
    assert values(read(body.encode())) == [["1", "2", "3"]]


def test_another_encoding_is_read_where_the_mapping_says_so() -> None:
    body = "id,name\n1,Café\n".encode("cp1252")
    assert values(read(body, encoding="cp1252")) == [["1", "Café"]]
    assert values(read(body, fallback_encoding="cp1252")) == [["1", "Café"]]


def test_a_broken_line_is_one_bad_row() -> None:
    rows = read(b"id,name\n1,ok\n2,\xff\xfe broken\n3,fine\n")
    assert values(rows) == [["1", "ok"], ["3", "fine"]]
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert (bad.line, bad.code) == (3, "invalid_encoding")


def test_a_quoted_cell_may_hold_line_breaks_and_quotes() -> None:
    rows = read(b'id,note\n1,"a\r\nb ""c"""\n2,d\n')
    assert [row.line for row in rows] == [2, 4]
    assert values(rows) == [["1", 'a\nb "c"'], ["2", "d"]]


def test_a_quote_never_closed_costs_one_row() -> None:
    body = b'id,name\n1,"open\n' + b"".join(b"%d,x\n" % n for n in range(2, 400))
    rows = read(body)
    assert isinstance(rows[0], BadRow)
    assert (rows[0].line, rows[0].code) == (2, "unterminated_quote")
    assert len(rows) == 399


def test_broken_quoting_costs_one_row() -> None:
    rows = read(b'id,name\n1,"a"b\n2,"c"\n')
    assert isinstance(rows[0], BadRow)
    assert (rows[0].line, rows[0].code) == (2, "bad_quoting")
    assert values(rows) == [["2", "c"]]


def test_a_row_with_too_few_or_too_many_cells_is_bad() -> None:
    rows = read(b"id,name\n1\n2,a,b\n3,c,,\n4,d\n")
    assert [(row.line, row.code) for row in rows if isinstance(row, BadRow)] == [
        (2, "wrong_column_count"),
        (3, "wrong_column_count"),
    ]
    assert values(rows) == [["3", "c"], ["4", "d"]]


def test_an_endless_line_is_one_bad_row() -> None:
    body = b"id,name\n1," + b"x" * (LINE_BYTES_MAX + 10) + b"\n2,ok\n"
    rows = read(body, piece=100_000)
    assert [row.code for row in rows if isinstance(row, BadRow)] == ["line_too_long"]
    assert values(rows) == [["2", "ok"]]


def test_ndjson_keeps_numbers_exact_and_reports_each_bad_line() -> None:
    body = b'{"id": 1, "amount": 0.1}\n\nnot json\n[1]\n{"Id": 2, "amount": null}\n'
    rows = read(body)
    assert rows[0] == Row(1, {"id": 1, "amount": "0.1"})
    assert [(row.line, row.code) for row in rows if isinstance(row, BadRow)] == [
        (3, "invalid_json"),
        (4, "not_an_object"),
    ]
    assert rows[-1] == Row(5, {"id": 2, "amount": None})


def test_an_empty_file_has_no_rows() -> None:
    assert read(b"") == []
    assert read(b"id,name\n") == []


cells = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)


@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=8),
    st.integers(min_value=1, max_value=40),
)
def test_pieces_of_any_size_give_the_same_rows(table: list[tuple[str, str]], piece: int) -> None:
    quoted = ["{},{}".format(*(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row))
              for row in table]  # fmt: skip
    body = ("a,b\n" + "\n".join(quoted) + "\n").encode()
    whole = read(body)
    assert read(body, piece=piece) == whole
    assert values(whole) == [list(row) for row in table if any(row)]


@given(st.lists(st.dictionaries(cells.filter(str.strip), cells, max_size=3), max_size=6))
def test_ndjson_of_any_text_comes_back(objects: list[dict[str, str]]) -> None:
    body = "".join(json.dumps(each) + "\n" for each in objects).encode()
    rows = read(body, type="ndjson")
    assert [list(row.values.values()) for row in rows if isinstance(row, Row)] == [
        list(
            {" ".join(k.casefold().split()).replace(" ", "_"): v for k, v in each.items()}.values()
        )
        for each in objects
    ]
