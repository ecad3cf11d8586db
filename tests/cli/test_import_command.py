"""`leadline import`: what it says and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

GOOD = "external_id,name,role\nana,Ana,rep\n"
BAD = "external_id,name,role\nbo,Bo,rep\ncy,Cy,emperor\n"


@pytest.fixture
def run(database_url: str, tmp_path: Path):
    def run(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LEADLINE_")}
        return subprocess.run(
            [sys.executable, "-m", "services.cli.main", *arguments],
            env={**kept, "LEADLINE_DATABASE_URL": database_url,
                 "LEADLINE_HOME": str(tmp_path / "home")},
            capture_output=True, text=True, check=False, timeout=60, **options,
        )  # fmt: skip

    return run


@pytest.fixture
def slug(run) -> str:
    name = f"import-{time.monotonic_ns()}"
    made = run("workspace", "create", "Import", "--slug", name, "--json")
    assert made.returncode == 0, made.stderr
    return name


def test_files_go_in_and_again_change_nothing(run, slug: str, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(GOOD)
    first = run("import", str(tmp_path), "--workspace", slug, "--json")
    assert first.returncode == 0, first.stderr
    report = json.loads(first.stdout)
    assert (report["status"], report["rows"]["created"]) == ("succeeded", 1)
    again = run("import", str(tmp_path), "--workspace", slug, "--json")
    assert json.loads(again.stdout)["rows"]["unchanged"] == 1


def test_bad_rows_are_shown_and_end_with_three(run, slug: str, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(BAD)
    answer = run("import", f"users={file}", "--workspace", slug, "--mapping", "generic-csv")
    assert answer.returncode == 3, answer.stderr
    assert "users: 1 created, 1 failed" in answer.stdout
    assert "error people.csv:3 role:" in answer.stdout


def test_a_mapping_file_that_is_wrong_is_refused(run, slug: str, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(GOOD)
    mapping = tmp_path / "mine.yaml"
    mapping.write_text("name: mine\nfiles: {}\nsteps: []\n")
    answer = run(
        "import", str(tmp_path / "users.csv"), "--workspace", slug, "--mapping", str(mapping)
    )
    assert answer.returncode == 1
    assert "steps" in answer.stderr


def test_what_cannot_be_imported_fails_as_a_whole(run, slug: str, tmp_path: Path) -> None:
    (tmp_path / "Opportunity.csv").write_text("Id,Name,CloseDate,Amount\n1,a,2026-01-01,5\n")
    answer = run("import", str(tmp_path), "--workspace", slug, "--mapping", "salesforce")
    assert answer.returncode == 1
    assert "StageName" in answer.stdout


def test_a_file_that_is_not_there_is_named(run) -> None:
    answer = run("import", "nowhere.csv")
    assert answer.returncode == 1
    assert "nowhere.csv" in answer.stderr


def test_without_waiting_it_stays_queued(run, slug: str, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text(GOOD)
    answer = run("import", str(tmp_path), "--workspace", slug, "--no-wait", "--json")
    assert json.loads(answer.stdout)["status"] == "queued"
