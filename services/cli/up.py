"""`leadline up`: everything Leadline needs, on one machine, behind one port, until Ctrl-C.

Order of a start: servers, `bootstrap` (migrations, first workspace, API key), gateway and worker,
and on a first start the demo, through the HTTP API. Order of a stop: the reverse. A start that is
killed anywhere goes on where it was when it is started again.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from services.kit.embedded import EmbeddedServers
    from services.kit.settings import Settings
    from services.kit.supervise import Child, Signals

_LEADLINE = (sys.executable, "-m", "services.cli.main")
_PORT_PATIENCE_S = 6.0
"""A gateway whose supervisor was killed may need a moment to let go of the port."""


def up(
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="Begin with an empty workspace.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The HTTP port; 0 picks a free one."),
    ] = None,
) -> None:
    """Start everything on this machine. Ctrl-C stops all of it; a second one, at once."""
    from services.cli.environment import embedded_servers
    from services.kit.embedded import require_free_home
    from services.kit.supervise import Signals, StopRequested, Supervisor

    signals = Signals()
    with signals.installed(), contextlib.suppress(StopRequested), contextlib.ExitStack() as stack:
        with signals.interrupting():
            started = time.monotonic()
            settings = _settings_with_port(port)
            require_free_home(settings.home.absolute())
            _wait_for_port(settings)
            servers = stack.enter_context(
                embedded_servers(settings, stop=lambda servers: _stop(servers, signals))
            )
            settings = _bootstrap(settings, demo=not no_demo)
        children = _children(settings)
        _announce_when_ready(settings, started)
        logs = LogKeeper([child.log for child in children], settings.log_file_bytes_max)
        Supervisor(children, servers.running, notify=_note).run(signals, on_tick=logs.look)


def _note(message: str) -> None:
    from services.cli.environment import note

    note(f"leadline: {message}")


def _settings_with_port(port: int | None) -> "Settings":
    from services.cli.environment import set_environment
    from services.kit.embedded import free_port
    from services.kit.settings import get_settings

    wanted = get_settings().http_port if port is None else port
    return set_environment({"LEADLINE_HTTP_PORT": str(wanted or free_port())})


def _wait_for_port(settings: "Settings") -> None:
    """Refuse before anything is started, rather than restart a gateway that cannot listen."""
    from services.cli.environment import CommandError
    from services.kit.processes import wait_until

    def is_free() -> bool:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.http_host, settings.http_port))
            except OSError:
                return False
        return True

    if not wait_until(is_free, _PORT_PATIENCE_S):
        raise CommandError(
            f"port {settings.http_port} of {settings.http_host} is in use; choose another with "
            "--port or LEADLINE_HTTP_PORT"
        )


def _bootstrap(settings: "Settings", *, demo: bool) -> "Settings":
    """In a process of its own: what migrations import would stay in this one for good."""
    from services.cli.environment import SEEDING_FILE, CommandError, set_environment
    from services.kit.processes import command_of

    marker = settings.home.absolute() / SEEDING_FILE
    settings = set_environment({"LEADLINE_FIRST_START_MARKER": str(marker)})
    answer = subprocess.run(
        command_of(
            [*_LEADLINE, "bootstrap", *([] if demo else ["--no-demo"])],
            death_signal=signal.SIGKILL,
            interruptible=False,
        ),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        output = (answer.stderr or answer.stdout).strip()
        raise CommandError(f"the database could not be prepared:\n{output[-4000:]}")
    return settings


def _children(settings: "Settings") -> "list[Child]":
    """Their command lines are an interface: operators and tests find the worker by its name."""
    from services.kit.supervise import Child

    logs = settings.home.absolute() / "logs"
    marker = settings.first_start_marker
    environment = dict(os.environ)

    def child(name: str, *arguments: str) -> "Child":
        return Child(name, [*_LEADLINE, *arguments], logs / f"{name}.log", environment)

    children = [child("gateway", "serve", "gateway"), child("worker", "worker")]
    if marker is not None and marker.exists():
        demo = child("demo", "demo")
        demo.until_success = True
        # From now on /readyz may say yes.
        demo.on_success = lambda: marker.unlink(missing_ok=True)
        children.append(demo)
        _note("loading the demo data; this happens once")
    return children


def _stop(servers: "EmbeddedServers", signals: "Signals") -> None:
    from services.kit.supervise import StopRequested

    try:
        with signals.interrupting(stopping=True):
            servers.stop()
    except StopRequested:
        servers.stop(hard=True)


def _announce_when_ready(settings: "Settings", started: float) -> None:
    """In a thread that ends with the process: the supervisor must not wait for an HTTP answer."""
    from services.cli.environment import API_KEY_FILE, is_ready

    base = f"http://{settings.http_host}:{settings.http_port}"
    key_file = settings.home.absolute() / API_KEY_FILE

    def announce() -> None:
        while not is_ready(base):
            time.sleep(0.1)
        took = time.monotonic() - started
        print(
            f"Leadline is ready after {took:.1f} s.\n"
            f"  API        {base}/pipeline/v1  {base}/forecast/v1  {base}/qualification/v1\n"
            f"  documents  {base}/pipeline/docs  {base}/forecast/docs  {base}/qualification/docs\n"
            f"  API key    {key_file.read_text().strip()}\n"
            f"             also in {key_file}\n"
            f"  logs       {settings.home.absolute() / 'logs'}\n"
            "Ctrl-C stops all of it; the data stays.",
            flush=True,
        )

    threading.Thread(target=announce, name="announce", daemon=True).start()


class LogKeeper:
    """Keeps the logs of the children from filling the disk: one full file each, and the one in use.

    The children append, so a log that is copied and cut goes on at its new end.
    """

    def __init__(self, logs: list[Path], bytes_max: int, interval_s: float = 30.0) -> None:
        self._logs = logs
        self._bytes_max = bytes_max
        self._interval_s = interval_s
        self._next_look = 0.0

    def look(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + self._interval_s
        for log in self._logs:
            if log.exists() and log.stat().st_size > self._bytes_max:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)
