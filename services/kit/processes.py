"""Starting, recognising and ending processes; knows nothing about what they do.

Every program is started through `spawn.py`, so that it ends with the process that started it.
Call from the main thread: on Linux "parent" means the thread that made the child.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SPAWN = str(Path(__file__).with_name("spawn.py"))
_POLL_S = 0.02


@dataclass(frozen=True)
class Identity:
    """As whom a program runs: what `spawn.py` must do, and who owns its files on the disk."""

    options: tuple[str, ...]
    uid: int
    gid: int


def myself() -> Identity:
    return Identity(options=(), uid=os.geteuid(), gid=os.getegid())


def command_of(
    program: Sequence[str],
    *,
    identity: Identity | None = None,
    probes: Sequence[Path] = (),
    death_signal: signal.Signals | None = None,
    interruptible: bool = True,
) -> list[str]:
    """The command line that becomes `program` by way of `spawn.py`."""
    # -I -S: no site packages and nothing from the environment, which makes it start in 20 ms.
    command = [sys.executable, "-I", "-S", _SPAWN]
    command += identity.options if identity else ()
    command += [f"--probe={path}" for path in probes]
    if death_signal is not None:
        command += [f"--parent={os.getpid()}", f"--death-signal={int(death_signal)}"]
    if not interruptible:
        command.append("--no-interrupt")
    return [*command, "--", *program]


def start(
    command: Sequence[str],
    *,
    log: Path,
    own_session: bool = False,
    environment: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start in the background; both outputs are appended to `log`.

    `own_session` puts the process out of reach of the terminal's Ctrl-C and hang-up.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment) if environment is not None else None,
            start_new_session=own_session,
            cwd=directory,
        )
    if process.stdin is not None and stdin is not None:
        process.stdin.write(stdin)
        process.stdin.close()
    return process


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Poll until true; False when the time is over."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True


def ended(process: subprocess.Popen[bytes], timeout_s: float) -> bool:
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True


def stop(process: subprocess.Popen[bytes], *steps: tuple[signal.Signals, float]) -> None:
    """Send each signal in turn until the process is gone; the last resort is SIGKILL."""
    for number, patience_s in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        if ended(process, patience_s):
            return
    process.kill()
    process.wait()


def is_running_in(pid: int, directory: Path) -> bool:
    """Whether that process exists and has `directory` as its working directory.

    A process id alone proves nothing: after a crash it may belong to somebody else by now.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    link = Path(f"/proc/{pid}/cwd")
    if link.parent.exists():
        try:
            return link.resolve(strict=True) == directory.resolve()
        except OSError:
            return False  # a zombie, or somebody else's: not ours in either case
    listing = subprocess.run(
        ["lsof", "-a", "-p", str(pid), "-d", "cwd", "-Fn"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"n{directory.resolve()}" in listing.stdout.splitlines()


def end_leftover(pid: int, directory: Path, *steps: tuple[signal.Signals, float]) -> bool:
    """End a process an earlier supervisor left behind; True when it is gone."""
    for number, patience_s in steps:
        if not is_running_in(pid, directory):
            return True
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return True
        if wait_until(lambda: not is_running_in(pid, directory), patience_s):
            return True
    return not is_running_in(pid, directory)


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, for an error message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-count:])
