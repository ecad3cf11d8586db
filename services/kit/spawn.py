"""Becomes another program after arranging how it will end and as whom it runs.

Run as a script (`python -I -S spawn.py OPTIONS -- PROGRAM ARGS`), so it must import the standard
library only. It replaces `preexec_fn`, which is not safe in a process that has threads.

On Linux the program is told to end when the process that started it ends, however that happens:
a supervisor that is killed takes its children with it.
"""

import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
NOBODY_UID = 65534

EXIT_CANNOT = 71
"""The identity cannot be taken, or cannot reach what it was asked to probe."""


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def enter_user_namespace() -> None:
    """Stay root on the disk and look like `nobody` to the program.

    Postgres refuses to run as root. In a namespace of its own that maps `nobody` to root it may
    still read and write what root may, so a checkout or data directory under a directory that only
    root can enter works as it is.
    """
    libc = _libc()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY_UID} 0 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY_UID} 0 1")


def become(user: str) -> None:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def end_with_parent(parent: int, number: int) -> None:
    """Linux only; elsewhere the next start ends what a killed supervisor left behind."""
    if not sys.platform.startswith("linux"):
        return
    _libc().prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the line above took effect
        sys.exit(0)


def probe(path: Path) -> None:
    """Enter the directory, or read a byte of the file; an OSError says it cannot be done."""
    if path.is_dir():
        os.chdir(path)
    else:
        with path.open("rb") as file:
            file.read(1)


def arrange(options: dict[str, str], probes: list[Path]) -> None:
    """Identity first: it decides what can be reached, and a change of it forgets the parent."""
    if "--user" in options:
        become(options["--user"])
    if "--user-namespace" in options:
        enter_user_namespace()
    for path in probes:
        probe(path)
    if "--no-interrupt" in options:
        # Ctrl-C reaches the whole terminal group; the supervisor alone decides what it means.
        # Blocked rather than ignored, so that no library can take it back by accident.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if "--death-signal" in options:
        end_with_parent(int(options["--parent"]), int(options["--death-signal"]))


def main(arguments: list[str]) -> None:
    split = arguments.index("--")
    program = arguments[split + 1 :]
    pairs = [option.partition("=")[::2] for option in arguments[:split]]
    try:
        arrange(dict(pairs), [Path(value) for name, value in pairs if name == "--probe"])
        os.execvp(program[0], program)  # noqa: S606  (that is what this is for)
    except (OSError, KeyError) as error:
        sys.stderr.write(f"cannot start {program[0]}: {error}\n")
        sys.exit(EXIT_CANNOT)


if __name__ == "__main__":
    main(sys.argv[1:])
