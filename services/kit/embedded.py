"""Embedded servers: a real Postgres and a real Valkey as our own child processes.

Owns their data under one home directory, which one supervisor at a time may use. Must not know
what is stored in them. They listen on 127.0.0.1 with generated passwords, live in sessions of
their own so that Ctrl-C does not reach them, and end when we end, even when we are killed.
"""

import fcntl
import os
import re
import secrets
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from services.kit import processes
from services.kit.binaries import find_postgres, find_valkey
from services.kit.postgres_home import USER, PostgresHome
from services.kit.postgres_settings import postgres_settings
from services.kit.processes import Identity

START_TIMEOUT_S = 600.0
"""Recovery after a crash replays everything since the last checkpoint; a slow disk takes minutes."""

_ATTEMPTS = 5
_STOP_POSTGRES = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 20.0))
_STOP_POSTGRES_HARD = ((signal.SIGQUIT, 10.0),)
_STOP_VALKEY = ((signal.SIGTERM, 10.0),)


class EmbeddedServerError(RuntimeError):
    """An embedded server does not start, or its data cannot be used."""


class HomeInUseError(RuntimeError):
    """Another process runs servers on this home directory."""

    def __init__(self, home: Path, holder: str) -> None:
        super().__init__(
            f"{home} is in use by another Leadline{holder}: stop that one first, or give this "
            "one another directory with LEADLINE_HOME"
        )


class HomeLock:
    """Held for as long as a supervisor lives; the kernel lets go of it however that one ends."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        file = (self._home / "lock").open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            pid = file.read().strip()
            file.close()
            raise HomeInUseError(self._home, f" (process {pid})" if pid else "") from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def require_free_home(home: Path) -> None:
    """Raise HomeInUseError at once when somebody works there; a later start may still lose a race."""
    if home.exists():
        lock = HomeLock(home)
        lock.acquire()
        lock.release()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class PostgresServer:
    """One Postgres, in the foreground, as our child."""

    def __init__(self, directory: Path, *, log: Path, durable: bool = True) -> None:
        self._home = PostgresHome(find_postgres(), directory, durable=durable)
        self._log = log
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: Identity | None = None
        self._port: int | None = None

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{self._home.password}@127.0.0.1:{self._port}/{USER}"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it takes connections. Again after a crash: same port, same data."""
        self._home.prepare()
        data = self._home.data
        self._end_leftover(data)
        for attempt in range(_ATTEMPTS):
            port = self._port or free_port()
            # Postgres needs a moment more than its postmaster after a crash: the orphans hold
            # the shared memory until they notice. A port may have been taken since it was free.
            time.sleep(attempt * 0.5)
            if self._try_start(data, port):
                self._port = port
                return
        raise EmbeddedServerError(
            f"Postgres does not start; the end of {self._log}:\n{processes.last_lines(self._log)}"
        )

    def stop(self, *, hard: bool = False) -> None:
        """Disconnect everybody, write a checkpoint, end. `hard` leaves that to the next start."""
        if self._process is not None:
            steps = _STOP_POSTGRES_HARD if hard else _STOP_POSTGRES
            processes.stop(self._process, *steps)

    def _try_start(self, data: Path, port: int) -> bool:
        settings = postgres_settings(self._home.programs.major, port, durable=self._durable)
        arguments = [part for item in settings.items() for part in ("-c", "=".join(item))]
        self._process = processes.start(
            processes.command_of(
                [self._home.programs.postgres, "-D", str(data), *arguments],
                identity=self._home.identity,
                death_signal=signal.SIGINT,
            ),
            log=self._log,
            own_session=True,
            environment={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
        )
        process = self._process
        in_time = processes.wait_until(
            lambda: process.poll() is not None or self._is_ready(data, process.pid),
            START_TIMEOUT_S,
        )
        if not in_time:
            self.stop(hard=True)
        return in_time and process.poll() is None

    @staticmethod
    def _is_ready(data: Path, pid: int) -> bool:
        """The postmaster says so in its pid file: line 1 is its id, line 8 its state."""
        lines = _read_lines(data / "postmaster.pid")
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def _end_leftover(self, data: Path) -> None:
        """A postmaster of a supervisor that was killed is shutting down, or does not know yet."""
        lines = _read_lines(data / "postmaster.pid")
        if not lines or not lines[0].isdigit():
            return
        pid = int(lines[0])
        if not processes.end_leftover(pid, data, *_STOP_POSTGRES, (signal.SIGKILL, 5.0)):
            raise EmbeddedServerError(
                f"process {pid} still serves {data} and does not end: stop it, then start again"
            )
        # Postgres would take any process of that number for a server and refuse to start; in a
        # new container the number is soon somebody else's. Its check of the shared memory stays.
        (data / "postmaster.pid").unlink(missing_ok=True)


class ValkeyServer:
    """One Valkey, in the foreground, as our child."""

    def __init__(self, directory: Path, *, log: Path, durable: bool = True) -> None:
        self._program = find_valkey()
        self._directory = directory
        self._log = log
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None
        self._password = secrets.token_urlsafe(24)
        self._port: int | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        pid_file = self._directory / "pid"
        leftover = _read_lines(pid_file)
        if leftover and leftover[0].isdigit():
            # Two servers must never append to one file. What it was told is already in there.
            processes.end_leftover(int(leftover[0]), self._directory, (signal.SIGKILL, 10.0))
        for _ in range(_ATTEMPTS):
            port = self._port or free_port()
            if self._try_start(port):
                self._port = port
                pid_file.write_text(f"{self.pid}\n")
                return
        raise EmbeddedServerError(
            f"Valkey does not start; the end of {self._log}:\n{processes.last_lines(self._log)}"
        )

    def stop(self, *, hard: bool = False) -> None:
        if self._process is not None:
            processes.stop(self._process, *(() if hard else _STOP_VALKEY))

    def _try_start(self, port: int) -> bool:
        # On standard input, because a command line shows its password to every user of the machine.
        configuration = "\n".join(
            [
                "bind 127.0.0.1",
                f"port {port}",
                f"requirepass {self._password}",
                f'dir "{self._directory.resolve()}"',
                f"appendonly {'yes' if self._durable else 'no'}",
                "appendfsync everysec",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
                'logfile ""',
            ]
        )
        self._process = processes.start(
            processes.command_of([self._program, "-"], death_signal=signal.SIGKILL),
            log=self._log,
            own_session=True,
            stdin=configuration.encode(),
            directory=self._directory,
        )
        process = self._process
        in_time = processes.wait_until(
            lambda: process.poll() is not None or self._answers(port), START_TIMEOUT_S
        )
        if not in_time:
            self.stop(hard=True)
        return in_time and process.poll() is None

    def _answers(self, port: int) -> bool:
        """PONG only comes once the append-only file is loaded."""
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    chunk = connection.recv(256)
                    if not chunk:
                        return False
                    answer += chunk
        except OSError:
            return False
        return re.search(rb"\+PONG", answer) is not None


class EmbeddedServers:
    """The servers that are wanted under one home, which is locked from `start` to `stop`."""

    def __init__(
        self,
        home: Path,
        *,
        durable: bool = True,
        with_postgres: bool = True,
        with_valkey: bool = True,
    ) -> None:
        home.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        (home / "logs").mkdir(mode=0o700, exist_ok=True)
        self._lock = HomeLock(home)
        logs = home / "logs"
        self.valkey = (
            ValkeyServer(home / "valkey", log=logs / "valkey.log", durable=durable)
            if with_valkey
            else None
        )
        self.postgres = (
            PostgresServer(home / "postgres", log=logs / "postgres.log", durable=durable)
            if with_postgres
            else None
        )

    @property
    def running(self) -> list[ValkeyServer | PostgresServer]:
        return [server for server in (self.valkey, self.postgres) if server is not None]

    def start(self) -> None:
        self._lock.acquire()
        try:
            for server in self.running:
                server.start()
        except BaseException:
            self.stop()
            raise

    def stop(self, *, hard: bool = False) -> None:
        """Last in the order of stopping: by now nobody writes any more."""
        for server in self.running:
            server.stop(hard=hard)
        self._lock.release()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _read_lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return []
