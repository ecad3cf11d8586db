"""The directory of an embedded Postgres: made once, owned by whoever the server runs as.

Owns `initdb`, the password and the answer to "Postgres refuses to run as root". Must not keep a
server running.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from functools import cached_property
from pathlib import Path

from services.kit import processes
from services.kit.binaries import PostgresPrograms
from services.kit.processes import Identity

USER = "leadline"
"""Name of the owner role and of the database."""

_UNPRIVILEGED_USERS = ("nobody", "postgres")
_REACHABLE_PROGRAMS = Path("/var/tmp")  # noqa: S108  (its owner is checked before use)
_REACHABLE_DATA = Path("/var/lib/leadline")


class PostgresHomeError(RuntimeError):
    """The data directory cannot be made or used."""


class PostgresHome:
    """`directory/data` is the cluster; `directory/password` the owner's password, mode 0600."""

    def __init__(
        self, programs: PostgresPrograms, directory: Path, *, durable: bool = True
    ) -> None:
        self.programs = programs
        self._directory = directory.absolute()
        self._durable = durable
        self.identity = processes.myself()

    @property
    def data(self) -> Path:
        return self._directory.resolve() / "data"

    @cached_property
    def password(self) -> str:
        return (self._directory / "password").read_text().strip()

    def prepare(self) -> None:
        """Make what is missing. Safe to repeat, and after a crash in the middle of it."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            self._choose_identity()
        if not self.data.exists():
            self._initialise()
        self._check_version()
        self._own(self.data)
        if not (self._directory / "password").exists():
            self._renew_password()

    # -- identity: only root has a choice to make ------------------------------------------------

    def _choose_identity(self) -> None:
        """First an unprivileged user, else a user namespace, else files moved within reach."""
        for identity in (*_unprivileged_identities(), _namespace_identity()):
            if self._works(identity):
                self.identity = identity
                return
        unprivileged = _unprivileged_identities()
        if not unprivileged:
            raise PostgresHomeError(
                "Postgres refuses to run as root and there is no user `nobody` to run it as: "
                "start Leadline as another user"
            )
        self._move_within_reach()
        self.identity = unprivileged[0]
        if not self._works(self.identity):
            raise PostgresHomeError(
                "Postgres refuses to run as root, and the user it would run as cannot reach "
                f"{self._directory}: start Leadline as another user"
            )

    def _works(self, identity: Identity) -> bool:
        """Whether, as that identity, the programs run and the directory can be entered."""
        owner = self._directory.resolve()
        self._own(owner, identity)
        share = self.programs.bindir.parent / "share"
        catalogue = sorted(share.rglob("postgres.bki")) if share.is_dir() else []
        for program in (self.programs.postgres, self.programs.initdb):
            command = processes.command_of(
                [program, "--version"], identity=identity, probes=[*catalogue[:1], owner]
            )
            if subprocess.run(command, capture_output=True, check=False).returncode != 0:
                return False
        return True

    def _move_within_reach(self) -> None:
        """Where no namespace is allowed and root's directory is closed: places anybody can enter."""
        if self.programs.wheel is not None:
            self.programs = _copy_programs(self.programs)
        if not self._directory.is_symlink() and not any(self._directory.iterdir()):
            target = _REACHABLE_DATA / secrets.token_hex(8)
            _REACHABLE_DATA.mkdir(mode=0o755, parents=True, exist_ok=True)
            target.mkdir(mode=0o700)
            self._directory.rmdir()
            self._directory.symlink_to(target)

    def _own(self, path: Path, identity: Identity | None = None) -> None:
        """Hand a tree to the identity; a walk only when the top belongs to somebody else."""
        owner = identity or self.identity
        if os.geteuid() != 0 or path.stat().st_uid == owner.uid:
            return
        for inner in path.rglob("*"):
            os.lchown(inner, owner.uid, owner.gid)
        os.lchown(path, owner.uid, owner.gid)

    # -- the cluster -----------------------------------------------------------------------------

    def _initialise(self) -> None:
        """Into a directory beside, renamed when it is whole: half a cluster is never started."""
        made = self._directory.resolve() / "data.new"
        shutil.rmtree(made, ignore_errors=True)
        password = secrets.token_urlsafe(24)
        password_file = self._directory.resolve() / "password.new"
        _write_private(password_file, password)
        self._own(password_file)
        command = [self.programs.initdb, "-D", str(made), "-U", USER, "--encoding=UTF8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}", *self._locale()]
        command += ["--data-checksums"] if self.programs.major < 18 else []
        command += [] if self._durable else ["--no-sync"]
        self._run(command)
        password_file.unlink()
        self._run_sql(made, f"CREATE DATABASE {USER}")
        _write_private(self._directory / "password", password)
        made.rename(self.data)

    def _locale(self) -> list[str]:
        # Since 17 Postgres brings C.UTF-8 itself: the same order of text on every machine.
        if self.programs.major >= 17:
            return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        return ["--locale=C.UTF-8"]

    def _check_version(self) -> None:
        made_by = (self.data / "PG_VERSION").read_text().strip()
        if made_by != str(self.programs.major):
            raise PostgresHomeError(
                f"{self.data} was made by Postgres {made_by} and the installed one is "
                f"{self.programs.major}: dump it with the former, or start with a new "
                "LEADLINE_HOME"
            )

    def _renew_password(self) -> None:
        password = secrets.token_urlsafe(24)
        self._run_sql(self.data, f"ALTER ROLE {USER} PASSWORD '{password}'")
        _write_private(self._directory / "password", password)
        self.__dict__.pop("password", None)

    def _run_sql(self, data: Path, statement: str) -> None:
        """Through the server's single-user mode, which needs no password and no port."""
        program = [self.programs.postgres, "--single", "-D", str(data), "postgres"]
        output = self._run(program, stdin=f"{statement};\n")
        if "ERROR:" in output or "FATAL:" in output:
            raise PostgresHomeError(f"Postgres refuses `{statement.split()[0]}`: {output}")

    def _run(self, program: list[str], stdin: str = "") -> str:
        answer = subprocess.run(
            processes.command_of(program, identity=self.identity),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            # A session of its own: a Ctrl-C at the terminal is ours to handle.
            start_new_session=True,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"},
        )
        output = answer.stdout + answer.stderr
        if answer.returncode != 0:
            raise PostgresHomeError(f"{Path(program[0]).name} failed: {output.strip()[-2000:]}")
        return output


def _unprivileged_identities() -> list[Identity]:
    """Only users with a passwd entry: initdb looks the name up."""
    found = []
    for name in _UNPRIVILEGED_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        found.append(Identity((f"--user={name}",), uid=entry.pw_uid, gid=entry.pw_gid))
    return found


def _namespace_identity() -> Identity:
    return Identity(("--user-namespace",), uid=0, gid=0)


def _copy_programs(programs: PostgresPrograms) -> PostgresPrograms:
    """The wheel's package and the libraries beside it, in a directory only root can write."""
    package = programs.bindir.parent.parent
    name = hashlib.sha256(f"{package}:{package.stat().st_mtime_ns}".encode()).hexdigest()[:16]
    copy = _REACHABLE_PROGRAMS / f"leadline-{name}"
    if not copy.exists():
        partial = _REACHABLE_PROGRAMS / f"leadline-{name}-{secrets.token_hex(4)}"
        partial.mkdir(mode=0o755)
        partial.chmod(0o755)
        for directory in (package, package.with_name(f"{package.name}.libs")):
            if directory.is_dir():
                shutil.copytree(directory, partial / directory.name, symlinks=True)
        _open_for_reading(partial)
        partial.rename(copy)
    found = copy.lstat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o022:
        raise PostgresHomeError(f"{copy} belongs to somebody else: remove it, then start again")
    bindir = copy / package.name / "pginstall" / "bin"
    return PostgresPrograms(bindir=bindir, major=programs.major, wheel=programs.wheel)


def _open_for_reading(tree: Path) -> None:
    for path in tree.rglob("*"):
        if not path.is_symlink():
            path.chmod(stat.S_IMODE(path.stat().st_mode) | (0o555 if path.is_dir() else 0o444))


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
