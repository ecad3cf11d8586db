"""Keeps child processes running: restarts what dies, stops everything in order, loses no signal.

Children share the process group of the supervisor but do not see Ctrl-C: the supervisor alone
reads it, and tells each child once, with SIGTERM. Must not know what the children do.
"""

import contextlib
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from services.kit import processes

TICK_S = 0.25
STEADY_S = 5.0
"""A child that lived this long starts over with an immediate restart."""
BACKOFF_S = (0.0, 0.1, 0.2, 0.4, 0.8)
"""Waits before successive restarts of a child that keeps dying young; the last one repeats."""
JOB_BACKOFF_S = (0.5, 1.0, 2.0, 5.0, 10.0)
"""The same for a one-time job: what it trips over is rarely gone at once."""
STOP_PATIENCE_S = 10.0

SAID_MAX = 5
SAID_EVERY = 20
"""Deaths in a row that are reported one by one, and how rarely the ones after them."""

Notify = Callable[[str], None]


class StopRequested(BaseException):
    """Ctrl-C or SIGTERM while something long is under way: like KeyboardInterrupt, not an error."""


class Server(Protocol):
    """What the children depend on: started before them, restarted in place, stopped by its owner."""

    def is_alive(self) -> bool: ...
    def start(self) -> None: ...


class Signals:
    """SIGINT and SIGTERM as a count, and an end to any wait when one of them or SIGCHLD arrives."""

    def __init__(self) -> None:
        self.stops = 0
        self._interrupting = False

    @contextlib.contextmanager
    def interrupting(self, *, stopping: bool = False) -> Iterator[None]:
        """Inside, a wish to stop raises `StopRequested` wherever the program is.

        With `stopping` the first wish is being granted already; only another one raises.
        """
        if self.stops and not stopping:
            raise StopRequested
        self._interrupting = True
        try:
            yield
        finally:
            self._interrupting = False

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._reader = reader
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants it ignored
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._on_stop) for number in numbers}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)
        wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)
            reader.close()
            writer.close()

    def wait(self, timeout_s: float) -> None:
        select.select([self._reader], [], [], max(0.0, timeout_s))
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self.stops += 1
        if self._interrupting:
            self._interrupting = False
            raise StopRequested


@dataclass
class Child:
    """One process to keep running."""

    name: str
    program: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    until_success: bool = False
    """Run again only while it fails: a one-time job instead of a service."""
    on_success: Callable[[], None] | None = None
    process: subprocess.Popen[bytes] | None = None
    done: bool = False
    _started_at: float = 0.0
    _early_deaths: int = 0
    _start_at: float = field(default=0.0)

    def tend(self, now: float, notify: Notify) -> None:
        """Notice a death, and start when it is time."""
        if self.process is not None and self.process.poll() is not None:
            self._has_ended(self.process.returncode, now, notify)
        if self.process is None and not self.done and now >= self._start_at:
            self._start(now)

    @property
    def next_start_at(self) -> float | None:
        return self._start_at if self.process is None and not self.done else None

    def _start(self, now: float) -> None:
        self.process = processes.start(
            processes.command_of(self.program, death_signal=signal.SIGKILL, interruptible=False),
            log=self.log,
            environment=self.environment,
        )
        self._started_at = now

    def _has_ended(self, code: int, now: float, notify: Notify) -> None:
        self.process = None
        if self.until_success and code == 0:
            self.done = True
            if self.on_success is not None:
                self.on_success()
            return
        self._early_deaths = 0 if now - self._started_at >= STEADY_S else self._early_deaths + 1
        # The first restart is immediate: most deaths are a one-off.
        waits = JOB_BACKOFF_S if self.until_success else BACKOFF_S
        wait_s = waits[min(max(self._early_deaths - 1, 0), len(waits) - 1)]
        self._start_at = now + wait_s
        if self._early_deaths <= SAID_MAX or self._early_deaths % SAID_EVERY == 0:
            notify(self._obituary(code))

    def _obituary(self, code: int) -> str:
        if code < 0:
            return f"{self.name} was ended by signal {-code}; starting it again"
        said = processes.last_lines(self.log, 1)[-300:]
        return f"{self.name} ended with code {code}; starting it again. {self.log} ends: {said}"


class Supervisor:
    """Runs until a signal says stop; then returns once every child has ended."""

    def __init__(
        self, children: Sequence[Child], servers: Sequence[Server], notify: Notify
    ) -> None:
        self._children = children
        self._servers = servers
        self._notify = notify

    def run(self, signals: Signals, *, on_tick: Callable[[], None] | None = None) -> None:
        try:
            while signals.stops == 0:
                self._tend_servers(signals)
                self._tend_children()
                if on_tick is not None:
                    on_tick()
                signals.wait(self._until_next_start())
        except StopRequested:
            pass
        finally:
            self._stop(signals)

    def _tend_servers(self, signals: Signals) -> None:
        """Recovery may take minutes, so a wish to stop interrupts it."""
        for server in self._servers:
            if not server.is_alive():
                self._notify(f"{type(server).__name__} ended; starting it again")
                with signals.interrupting():
                    server.start()

    def _tend_children(self) -> None:
        for child in self._children:
            child.tend(time.monotonic(), self._notify)

    def _until_next_start(self) -> float:
        now = time.monotonic()
        times = [child.next_start_at for child in self._children]
        return min([TICK_S, *(at - now for at in times if at is not None)])

    def _stop(self, signals: Signals) -> None:
        """SIGTERM to all at once; a second wish to stop, or too long a wait, is SIGKILL."""
        self._notify("stopping")
        stops = signals.stops
        running = [child.process for child in self._children if child.process is not None]
        for process in running:
            process.terminate()
        end = time.monotonic() + STOP_PATIENCE_S
        while any(process.poll() is None for process in running):
            if signals.stops > stops or time.monotonic() > end:
                for process in running:
                    process.kill()
            signals.wait(0.05)
