"""Embedded servers: started, crashed, killed with their owner, and started again."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from services.kit import processes
from services.kit.embedded import EmbeddedServers, HomeInUseError, PostgresServer
from services.kit.postgres_home import PostgresHomeError

IS_ROOT = os.geteuid() == 0

OWNER = """
import sys, time
from pathlib import Path
from services.kit.embedded import EmbeddedServers

servers = EmbeddedServers(Path(sys.argv[1]), durable=False)
servers.start()
print(servers.postgres.pid, servers.valkey.pid, flush=True)
time.sleep(600)
"""


def ask(url: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def servers(home: Path) -> Iterator[EmbeddedServers]:
    with EmbeddedServers(home, durable=False) as started:
        yield started


def postgres_of(servers: EmbeddedServers) -> PostgresServer:
    assert servers.postgres is not None
    return servers.postgres


class TestEmbeddedServers:
    def test_answer_on_generated_passwords(self, servers: EmbeddedServers, home: Path) -> None:
        url = postgres_of(servers).url
        assert ask(url, "SHOW server_encoding") == "UTF8"
        # Text sorts by code point, on every machine the same.
        assert ask(url, "SELECT string_agg(x, '' ORDER BY x) FROM (VALUES ('a'), ('B')) t(x)") == (
            "Ba"
        )
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(url.replace(":", ":wrong", 2).replace("wrong", "", 1), "SELECT 1")
        assert servers.valkey is not None
        with redis.Redis.from_url(servers.valkey.url) as client:
            assert client.ping()
        assert stat.S_IMODE((home / "postgres" / "password").stat().st_mode) == 0o600

    def test_keep_their_data_over_a_restart(self, home: Path) -> None:
        with EmbeddedServers(home) as servers:
            ask(postgres_of(servers).url, "CREATE TABLE kept AS SELECT 7 AS x")
            assert servers.valkey is not None
            with redis.Redis.from_url(servers.valkey.url) as client:
                client.set("kept", "7")
        with EmbeddedServers(home) as servers:
            assert ask(postgres_of(servers).url, "SELECT x FROM kept") == 7
            assert servers.valkey is not None
            with redis.Redis.from_url(servers.valkey.url) as client:
                assert client.get("kept") == b"7"

    def test_start_again_in_place_after_a_crash(self, home: Path) -> None:
        with EmbeddedServers(home, with_valkey=False) as servers:
            server = postgres_of(servers)
            url = server.url
            ask(url, "CREATE TABLE kept AS SELECT 7 AS x")
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            assert processes.wait_until(lambda: not server.is_alive(), 5)
            server.start()
            assert server.url == url
            assert ask(url, "SELECT x FROM kept") == 7

    def test_refuse_a_home_in_use(self, servers: EmbeddedServers, home: Path) -> None:
        with pytest.raises(HomeInUseError, match=f"process {os.getpid()}"):
            EmbeddedServers(home).start()

    def test_end_with_an_owner_that_is_killed(self, home: Path) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", OWNER, str(home)], stdout=subprocess.PIPE, text=True
        ) as owner:
            assert owner.stdout is not None
            postgres, valkey = (int(pid) for pid in owner.stdout.readline().split())
            owner.kill()
        with EmbeddedServers(home, durable=False) as servers:  # at once: it waits for the old ones
            assert ask(postgres_of(servers).url, "SELECT 1") == 1
            assert not processes.is_running_in(postgres, home / "postgres" / "data")
            assert not processes.is_running_in(valkey, home / "valkey")


class TestPostgresHome:
    def test_discards_a_cluster_that_was_half_made(self, home: Path) -> None:
        (home / "postgres" / "data.new" / "base").mkdir(parents=True)
        with EmbeddedServers(home, durable=False, with_valkey=False) as servers:
            assert ask(postgres_of(servers).url, "SELECT 1") == 1

    def test_ignores_the_pid_of_a_process_that_is_not_the_server(self, home: Path) -> None:
        with EmbeddedServers(home, durable=False, with_valkey=False):
            pass
        # As after a power cut: the file stays, and the number belongs to somebody else by now.
        pid_file = home / "postgres" / "data" / "postmaster.pid"
        pid_file.write_text(f"{os.getppid()}\n{home}\n1\n2\n\n127.0.0.1\n1 2\nready\n")
        owner = (home / "postgres" / "data").stat()
        os.chown(pid_file, owner.st_uid, owner.st_gid)
        with EmbeddedServers(home, durable=False, with_valkey=False) as servers:
            assert ask(postgres_of(servers).url, "SELECT 1") == 1

    def test_renews_a_password_that_is_lost(self, home: Path) -> None:
        with EmbeddedServers(home, durable=False, with_valkey=False) as servers:
            before = postgres_of(servers).url
        (home / "postgres" / "password").unlink()
        with EmbeddedServers(home, durable=False, with_valkey=False) as servers:
            url = postgres_of(servers).url
            assert url.split("@")[0] != before.split("@")[0]
            assert ask(url, "SELECT 1") == 1

    def test_refuses_data_of_another_version(self, home: Path) -> None:
        with EmbeddedServers(home, durable=False, with_valkey=False):
            pass
        (home / "postgres" / "data" / "PG_VERSION").write_text("14\n")
        with pytest.raises(PostgresHomeError, match="made by Postgres 14"):
            EmbeddedServers(home, durable=False, with_valkey=False).start()

    @pytest.mark.skipif(not IS_ROOT, reason="only root has directories nobody else can enter")
    def test_serves_root_in_a_directory_only_root_can_enter(self, home: Path) -> None:
        home.mkdir()
        for mode in (0o700, 0o711, 0o700):  # the owner of the files follows what is possible
            home.chmod(mode)
            with EmbeddedServers(home, durable=False, with_valkey=False) as servers:
                assert ask(postgres_of(servers).url, "SELECT 1") == 1


class TestProcesses:
    def test_recognises_a_process_by_its_directory(self, tmp_path: Path) -> None:
        with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as process:
            assert processes.is_running_in(process.pid, tmp_path)
            assert not processes.is_running_in(process.pid, tmp_path.parent)
            process.kill()

    def test_ends_a_leftover_by_the_next_signal_when_one_is_ignored(self, tmp_path: Path) -> None:
        script = "trap '' INT; echo ready; while true; do sleep 0.05; done"
        with subprocess.Popen(
            ["sh", "-c", script], cwd=tmp_path, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            # Reaped in the background, as init does with the children of a dead supervisor.
            assert not processes.end_leftover(process.pid, tmp_path, (signal.SIGINT, 0.2))
            processes.end_leftover(process.pid, tmp_path, (signal.SIGKILL, 0.2))
            assert process.wait(5) == -signal.SIGKILL
