"""`leadline audit` and `leadline rebuild`, as operators run them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from services.forecast.tasks import settle
from tests.client import Api
from tests.forecast.book import Book

Run = Callable[..., tuple[int, Any]]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Run:
    def run(command: str, api: Api) -> tuple[int, Any]:
        answer = subprocess.run(
            [sys.executable, "-m", "services.cli.main", command, "--json",
             "--workspace", str(api.workspace_id)],
            env={
                **os.environ,
                "LEADLINE_DATABASE_URL": database_url,
                "LEADLINE_HOME": str(tmp_path / "home"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )  # fmt: skip
        assert answer.stdout, answer.stderr
        return answer.returncode, json.loads(answer.stdout)

    return run


@pytest.fixture
async def book(api: Api) -> Book:
    book = Book(api.database(), api.workspace_id)
    await book.add_user()
    await book.open()
    await settle(book.database, book.workspace_id)
    return book


async def spoil(book: Book) -> None:
    async with book.database.write(book.workspace_id) as session:
        await session.execute(
            "UPDATE forecast.cells SET open_pipeline = open_pipeline + 1 WHERE workspace_id = $1",
            book.workspace_id,
        )


async def test_an_audit_of_a_sound_ledger_ends_well(api: Api, book: Book, run: Run) -> None:
    code, answer = run("audit", api)
    assert (code, answer["equal"], answer["opportunities"]) == (0, True, 1)


async def test_an_audit_that_finds_a_difference_ends_with_one(
    api: Api, book: Book, run: Run
) -> None:
    await spoil(book)
    code, answer = run("audit", api)
    assert (code, answer["equal"]) == (1, False)
    assert answer["difference_count"] == len(answer["differences"]) > 0


async def test_a_rebuild_repairs_and_says_so(api: Api, book: Book, run: Run) -> None:
    await spoil(book)
    code, answer = run("rebuild", api)
    assert (code, answer["unchanged"]) == (0, False)
    assert answer["corrected_cells"] > 0
    assert run("audit", api)[1]["equal"] is True
    code, answer = run("rebuild", api)
    assert (code, answer["unchanged"]) == (0, True)
