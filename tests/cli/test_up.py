"""`leadline up` from outside, the way its users meet it: started, killed, refused, stopped."""

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from services.kit.embedded import free_port
from services.kit.processes import wait_until

LEADLINE = (sys.executable, "-m", "services.cli.main")
READY_S = 90.0


@dataclass
class Instance:
    """A home with a port, and the process that runs on it at the moment."""

    home: Path
    port: int

    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LEADLINE_")}
        return {**kept, "LEADLINE_HOME": str(self.home), "LEADLINE_HTTP_PORT": str(self.port)}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*LEADLINE, *arguments],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[bytes]]:
        """Ready when the block begins; in a process group of its own, as under a terminal."""
        log = self.home.with_suffix(".log")
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*LEADLINE, "up", "--no-demo"],
                env=self.environment(),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            ready = wait_until(
                lambda: process.poll() is not None or self.status("/readyz") == 200, READY_S
            )
            assert ready, log.read_text()
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGINT)
                process.wait(60)

    def status(self, path: str) -> int | None:
        """None when nobody answers."""
        headers = {"Authorization": f"Bearer {self.key()}"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None

    def key(self) -> str:
        file = self.home / "api-key"
        return file.read_text().strip() if file.exists() else ""


def children(process: subprocess.Popen[bytes], word: str) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(process.pid).children():
        try:
            if os.getpgid(child.pid) == process.pid and word in child.cmdline():
                found.append(child)
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
    return found


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Instance:
    return Instance(tmp_path_factory.mktemp("up") / "home", free_port())


@pytest.fixture(scope="module")
def running(instance: Instance) -> Iterator[subprocess.Popen[bytes]]:
    with instance.up() as process:
        yield process


class TestUp:
    def test_leaves_an_admin_key_only_its_owner_can_read(
        self, instance: Instance, running: subprocess.Popen[bytes]
    ) -> None:
        assert stat.S_IMODE((instance.home / "api-key").stat().st_mode) == 0o600
        assert instance.status("/pipeline/v1/workspace") == 200

    def test_starts_a_killed_worker_again_in_its_own_process_group(
        self, instance: Instance, running: subprocess.Popen[bytes]
    ) -> None:
        assert wait_until(lambda: bool(children(running, "worker")), 20)
        for _ in range(3):
            before = children(running, "worker")[0]
            before.kill()
            assert wait_until(
                lambda dead=before.pid: any(c.pid != dead for c in children(running, "worker")), 20
            )

    def test_starts_a_killed_gateway_again_on_its_port(
        self, instance: Instance, running: subprocess.Popen[bytes]
    ) -> None:
        children(running, "gateway")[0].kill()
        assert wait_until(lambda: instance.status("/healthz") is None, 5)
        assert wait_until(lambda: instance.status("/readyz") == 200, READY_S)

    def test_is_refused_a_second_time_on_one_home(
        self, instance: Instance, running: subprocess.Popen[bytes]
    ) -> None:
        answer = instance.run("up", "--no-demo")
        assert answer.returncode == 1
        assert f"in use by another Leadline (process {running.pid})" in answer.stderr

    def test_lets_other_commands_use_its_servers(
        self, instance: Instance, running: subprocess.Popen[bytes]
    ) -> None:
        listed = json.loads(instance.run("workspace", "list", "--json").stdout)
        assert [item["slug"] for item in listed["items"]] == ["main"]
        made = instance.run("key", "create", "--role", "analyst")
        assert made.stdout.startswith("llk_")
        findings = json.loads(instance.run("doctor", "--json").stdout)["findings"]
        assert {"check": "serving", "verdict": "ok"} in [
            {key: finding[key] for key in ("check", "verdict")} for finding in findings
        ]

    def test_stops_with_code_0_and_keeps_what_it_made(self, tmp_path: Path) -> None:
        instance = Instance(tmp_path / "home", free_port())
        with instance.up() as process:
            key = instance.key()
            family = psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(30) == 0
            assert not [child for child in family if child.is_running()]
        with instance.up() as process:
            assert instance.key() == key
            # Whatever happens to the supervisor, the next start finds servers and port free.
            process.kill()
            process.wait()
        with instance.up():
            assert instance.key() == key
            assert instance.status("/pipeline/v1/workspace") == 200
