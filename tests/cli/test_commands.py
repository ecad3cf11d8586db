"""Commands that need no running Leadline, and what they refuse."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from uuid import UUID

import pytest
from alembic.script import ScriptDirectory

from services.cli.up import LogKeeper
from services.schema import HEAD

LEADLINE = (sys.executable, "-m", "services.cli.main")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def run(database_url: str, tmp_path: Path):
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LEADLINE_")}
        return subprocess.run(
            [*LEADLINE, *arguments],
            env={
                **kept,
                "LEADLINE_DATABASE_URL": database_url,
                "LEADLINE_HOME": str(tmp_path / "home"),
                **environment,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


class TestCommands:
    def test_help_loads_no_server(self) -> None:
        """A slow --help means that a command imports at its top what only its body needs."""
        listing = (
            "import sys; from services.cli import main;"
            "print([m for m in ('fastapi', 'sqlalchemy', 'alembic', 'asyncpg', 'arq', 'pydantic')"
            " if m in sys.modules])"
        )
        answer = subprocess.run(
            [sys.executable, "-c", listing], capture_output=True, text=True, check=True
        )
        assert answer.stdout.strip() == "[]"

    def test_make_a_workspace_and_a_key(self, run) -> None:
        slug = f"made-{time.monotonic_ns()}"
        made = run("workspace", "create", "Made", "--slug", slug, "--json")
        assert json.loads(made.stdout)["slug"] == slug
        key = run("key", "create", "--workspace", slug, "--role", "admin", "--json")
        assert json.loads(key.stdout)["token"].startswith("llk_")
        useless = run("key", "create", "--workspace", slug, "--role", "rep")
        assert useless.returncode != 0
        assert "--user-external-id" in useless.stderr

    def test_revoke_a_key(self, run) -> None:
        slug = f"revoke-{time.monotonic_ns()}"
        run("workspace", "create", "Made", "--slug", slug)
        for name in ("kept", "lost"):
            run("key", "create", "--workspace", slug, "--role", "admin", "--name", name)
        keys = json.loads(run("key", "list", "--workspace", slug, "--json").stdout)["keys"]
        assert [(key["name"], key["revoked_at"]) for key in keys] == [
            ("kept", None),
            ("lost", None),
        ]
        for _ in range(2):
            revoked = run("key", "revoke", keys[1]["id"], "--workspace", slug, "--json")
            assert json.loads(revoked.stdout)["revoked_at"]
        listed = run("key", "list", "--workspace", slug).stdout.splitlines()
        assert [line.split()[1] for line in listed] == ["in", "revoked"]
        other = run("key", "revoke", str(UUID(int=1)), "--workspace", slug)
        assert (other.returncode, "no API key" in other.stderr) == (1, True)

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            (("workspace", "create", "X", "--slug", "No Slug"), "slug"),
            (("key", "create", "--workspace", "nowhere", "--role", "admin"), "nowhere"),
            (("workspace", "create", "X", "--slug", "x", "--currency", "XXX"), "currency"),
        ],
    )
    def test_refuse_in_a_sentence(self, run, arguments: tuple[str, ...], sentence: str) -> None:
        answer = run(*arguments)
        assert answer.returncode == 1
        assert sentence in answer.stderr
        assert "Traceback" not in answer.stderr

    def test_migrate_says_where_the_schema_is(self, run) -> None:
        assert json.loads(run("migrate", "--json").stdout) == {"migrated_to": HEAD}

    def test_doctor_names_a_variable_that_is_no_setting(self, run) -> None:
        findings = json.loads(run("doctor", "--json", LEADLINE_DATABASE_UTL="x").stdout)["findings"]
        assert any("LEADLINE_DATABASE_UTL" in finding["detail"] for finding in findings)

    def test_an_address_of_another_kind_is_refused(self, run) -> None:
        answer = run("migrate", LEADLINE_DATABASE_URL="mysql://somewhere/leadline")
        assert answer.returncode == 1
        assert "LEADLINE_DATABASE_URL must be a postgresql:// address" in answer.stderr


def test_the_code_wants_the_newest_migration() -> None:
    assert ScriptDirectory(str(ROOT / "migrations")).get_current_head() == HEAD


def test_a_full_log_is_put_aside_and_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "gateway.log"
    with log.open("ab") as child:
        child.write(b"x" * 100)
        child.flush()
        LogKeeper([log], bytes_max=50).look()
        child.write(b"more")
    assert log.read_bytes() == b"more"
    assert (tmp_path / "gateway.log.1").read_bytes() == b"x" * 100
