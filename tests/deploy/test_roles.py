"""deploy/roles.sql, run for real: each login may act as its own service and as nobody else."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from services.kit.binaries import find_postgres
from tests.servers import SERVERS

ROLES_SQL = Path(__file__).parents[2] / "deploy" / "roles.sql"
NAMES = ("qualification", "pipeline", "forecast", "worker")
PSQL = find_postgres().bindir / "psql"


def run_roles(url: str, password: str) -> None:
    variables = [f"--set={name}_password={password}" for name in NAMES]
    command = [str(PSQL), url, "--no-psqlrc", "--quiet", *variables, f"--file={ROLES_SQL}"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.fixture(scope="module")
def database_url(worker_id: str) -> Iterator[str]:
    name = f"roles_{worker_id}"
    url = SERVERS.fresh_database(name)
    run_roles(url, "first")
    run_roles(url, "second")  # again, with other passwords
    yield url
    SERVERS.drop_database(name)


def log_in(url: str, name: str, statement: str) -> object:
    parts = urlsplit(url)
    netloc = f"leadline_{name}_login:second@{parts.hostname}:{parts.port}"

    async def run() -> object:
        connection = await asyncpg.connect(urlunsplit(parts._replace(netloc=netloc)))
        try:
            async with connection.transaction():
                return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.mark.skipif(not PSQL.exists(), reason="this Postgres comes without psql")
class TestRoles:
    @pytest.mark.parametrize("name", NAMES)
    def test_may_act_as_its_own_service(self, database_url: str, name: str) -> None:
        statement = f"SET LOCAL ROLE leadline_{name}"
        assert log_in(database_url, name, statement) is None

    @pytest.mark.parametrize("name", NAMES)
    def test_may_not_act_as_another(self, database_url: str, name: str) -> None:
        for other in set(NAMES) - {name}:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                log_in(database_url, name, f"SET LOCAL ROLE leadline_{other}")

    def test_cannot_pass_row_level_security(self, database_url: str) -> None:
        seen = log_in(
            database_url,
            "pipeline",
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'leadline_%'"
            " AND (rolsuper OR rolbypassrls)",
        )
        assert seen == 0

    def test_sees_whether_migrations_ran(self, database_url: str) -> None:
        assert log_in(database_url, "forecast", "SELECT version_num FROM public.alembic_version")
