"""A mapping that is wrong says where; the shipped ones are right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.pipeline.imports import catalogue
from services.pipeline.imports.errors import MappingInvalidError, MappingUnknownError
from services.pipeline.imports.mapping import parse_mapping
from services.pipeline.imports.shape import face_of

STEP: dict[str, Any] = {
    "record": "opportunities",
    "file": "deals",
    "fields": {"external_id": "Id", "name": "Name"},
}
MAPPING: dict[str, Any] = {
    "name": "mine",
    "files": {"deals": {"names": ["deals*"]}},
    "steps": [STEP],
}


def problems_of(change: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(MappingInvalidError) as refusal:
        parse_mapping(MAPPING | change)
    return [(problem.pointer, problem.code) for problem in refusal.value.errors]


def step(**change: Any) -> dict[str, Any]:
    return {"steps": [STEP | change]}


def field(**rule: Any) -> dict[str, Any]:
    return step(fields=STEP["fields"] | {"amount": rule})


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"name": "Not a name"}, "/mapping/name", "string_pattern_mismatch"),
        ({"steps": []}, "/mapping/steps", "too_short"),
        ({"stpes": []}, "/mapping/stpes", "extra_forbidden"),
        (step(record="deals"), "/mapping/steps/0/record", "unknown_record"),
        (step(file="other"), "/mapping", "unknown_file"),
        (step(file=None), "/mapping/steps/0", "one_source"),
        (step(fields={}), "/mapping/steps/0", "no_fields"),
        (step(fields={"name": "Name"}), "/mapping/steps/0", "no_external_id"),
        (step(fields={"external_id": "Id", "amuont": "A"}), "/mapping/steps/0", "unknown_field"),
        (field(), "/mapping/steps/0/fields/amount", "one_source"),
        (field(column="A", value="1"), "/mapping/steps/0/fields/amount", "one_source"),
        (field(column="A", type="float"), "/mapping/steps/0/fields/amount/type", "literal_error"),
        (field(column="A", map="tabel"), "/mapping", "unknown_table"),
        (field(template="{A|tabel}"), "/mapping", "unknown_table"),
        (field(column="A", formats=["MM/YY"]), "/mapping/steps/0/fields/amount", "bad_format"),
        (field(column="A", timezone="Mars"), "/mapping/steps/0/fields/amount", "unknown_zone"),
        (field(column="A", when={"column": "B"}), "/mapping/steps/0/fields/amount/when/0",
         "empty_condition"),
        ({"format": {"encoding": "klingon"}}, "/mapping/format", "unknown_encoding"),
        ({"format": {"dates": []}}, "/mapping/format/dates", "too_short"),
        ({"references": {"users": {"missing": "default"}}}, "/mapping/references/users",
         "no_default"),
        ({"tables": {"t": {"a": 1}}}, "/mapping/tables/t/a", "string_type"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_where_it_is(change: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in problems_of(change)


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MappingInvalidError) as refusal:
        parse_mapping(MAPPING | step(fields={"external_id": "Id", "amuont": "A"}))
    assert "amount" in refusal.value.detail


@pytest.mark.parametrize("text", ["[1, 2]", "name: [", "just text", ""])
def test_what_is_no_mapping_at_all_is_refused(text: str) -> None:
    with pytest.raises(MappingInvalidError):
        parse_mapping(text)


@pytest.mark.parametrize(
    ("name", "known_as"),
    [
        ("generic-csv", "csv"),
        ("generic-ndjson", "ndjson"),
        ("crm-sales-opportunities", "maven"),
        ("salesforce", "sf"),
    ],
)
def test_the_shipped_mappings_are_found_by_name_and_alias(name: str, known_as: str) -> None:
    assert catalogue.named(name) is catalogue.named(known_as)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(MappingUnknownError, match="salesforce"):
        catalogue.named("hubspto")


@pytest.mark.parametrize("mapping", catalogue.shipped().values(), ids=lambda mapping: mapping.name)
def test_a_shipped_mapping_survives_being_kept_and_printed(mapping: Any) -> None:
    assert parse_mapping(catalogue.content(mapping)) == mapping
    assert parse_mapping(catalogue.as_yaml(mapping)) == mapping


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (b"opportunity_id,sales_agent,deal_stage\n", "crm-sales-opportunities"),
        (b"Id,AccountId,Name,StageName,CloseDate\n", "salesforce"),
        (b"external_id,name,stage\n", "generic-csv"),
        (b'{"external_id": "1"}\n', "generic-ndjson"),
    ],
)
def test_without_a_mapping_the_columns_decide(header: bytes, name: str) -> None:
    assert catalogue.suited([face_of("", None, header)]).name == name


def test_the_examples_of_the_guide_are_mappings() -> None:
    guide = Path(__file__).parents[3] / "docs" / "importing.md"
    examples = guide.read_text("utf-8").split("```yaml\n")[1:]
    assert [parse_mapping(example.split("```")[0]).name for example in examples] == [
        "my-crm", "my-stages", "my-tables",
    ]  # fmt: skip
