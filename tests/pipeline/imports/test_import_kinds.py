"""Kinds of records that other services teach the import."""

from __future__ import annotations

import subprocess
import sys

import pytest

from services import lead_import
from services.pipeline.imports import records
from services.pipeline.imports.errors import RecordKindTakenError
from services.pipeline.imports.records import RECORDS, RecordKind

# As a container serves it, but for the serving.
SERVE_PIPELINE = """
import contextlib
import typer
import uvicorn
uvicorn.Server.run = lambda *_, **__: None
from services.cli.serve import Served, serve
with contextlib.suppress(typer.Exit):
    serve(Served.pipeline, None, None)
"""


@pytest.mark.parametrize(
    "begin",
    [
        "import services.gateway",
        "import services.forecast.worker",
        SERVE_PIPELINE,
    ],
    ids=["gateway", "worker", "serve pipeline"],
)
def test_whoever_runs_or_checks_imports_knows_leads(begin: str) -> None:
    ask = "from services.pipeline.imports.catalogue import named; print(named('olist').title)"
    answer = subprocess.run(
        [sys.executable, "-c", f"{begin}\n{ask}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.stdout.strip() == "Marketing leads and closed deals", answer.stderr


def test_again_is_no_change() -> None:
    before = dict(RECORDS)
    lead_import.register()
    assert before == RECORDS
    assert {"leads", "handovers"} <= set(RECORDS)


def test_another_of_the_name_is_refused() -> None:
    kind = RECORDS["leads"]
    other = RecordKind(kind.model, kind.table, kind.store, {})
    with pytest.raises(RecordKindTakenError):
        records.register("leads", other)
    assert RECORDS["leads"] is kind


def test_one_field_has_one_type() -> None:
    kind = RECORDS["leads"]
    other = RecordKind(kind.model, kind.table, kind.store, {}, types={"amount": "integer"})
    with pytest.raises(RecordKindTakenError):
        records.register("other", other)
    RECORDS.pop("other", None)
