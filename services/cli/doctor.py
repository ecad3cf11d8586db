"""`leadline doctor`: what is installed, set, reachable and up to date, and what to do about it."""

import asyncio
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from services.kit.settings import Settings

Verdict = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    check: str
    verdict: Verdict
    detail: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Look at this installation. Exit code 1 when something keeps Leadline from working."""
    from services.cli.environment import say
    from services.kit.settings import get_settings

    settings = get_settings()
    checks: list[Callable[[Settings], Finding]] = [
        _python,
        _variables,
        _postgres_programs,
        _valkey_programs,
        _home,
        _api_key,
        _database,
        _redis,
        _serving,
    ]
    findings = [check(settings) for check in checks]
    if as_json:
        say({"findings": [asdict(finding) for finding in findings]}, as_json=True)
    else:
        for finding in findings:
            print(f"{finding.verdict:8} {finding.check:10} {finding.detail}")
    if any(finding.verdict == "problem" for finding in findings):
        raise typer.Exit(1)


def _python(settings: "Settings") -> Finding:
    version = ".".join(str(part) for part in sys.version_info[:3])
    fits = sys.version_info >= (3, 11)
    return Finding("python", "ok" if fits else "problem", version)


def _variables(settings: "Settings") -> Finding:
    """A misspelt variable would otherwise change nothing, silently."""
    known = {f"LEADLINE_{name.upper()}" for name in type(settings).model_fields}
    unknown = sorted(
        name for name in os.environ if name.startswith("LEADLINE_") and name not in known
    )
    if unknown:
        return Finding("variables", "warning", f"not a setting: {', '.join(unknown)}")
    return Finding("variables", "ok", "every LEADLINE_ variable is a setting")


def _postgres_programs(settings: "Settings") -> Finding:
    from services.kit.binaries import ServerNotFoundError, find_postgres

    if settings.has_database:
        return Finding("postgres", "ok", "an address is given; nothing is embedded")
    try:
        programs = find_postgres()
    except ServerNotFoundError as error:
        return Finding("postgres", "problem", str(error))
    return Finding("postgres", "ok", f"version {programs.major} in {programs.bindir}")


def _valkey_programs(settings: "Settings") -> Finding:
    from services.kit.binaries import ServerNotFoundError, find_valkey

    if settings.redis_url is not None:
        return Finding("valkey", "ok", "an address is given; nothing is embedded")
    try:
        return Finding("valkey", "ok", find_valkey())
    except ServerNotFoundError as error:
        return Finding("valkey", "problem", str(error))


def _home(settings: "Settings") -> Finding:
    home = settings.home.absolute()
    if not home.exists():
        return Finding("home", "ok", f"{home} is made by the first `leadline up`")
    if not os.access(home, os.W_OK | os.X_OK):
        return Finding("home", "problem", f"{home} cannot be written by this user")
    return Finding("home", "ok", str(home))


def _api_key(settings: "Settings") -> Finding:
    from services.cli.environment import API_KEY_FILE

    file = settings.home.absolute() / API_KEY_FILE
    if not file.exists():
        return Finding("api-key", "warning", f"{file} is made by the first `leadline up`")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Finding("api-key", "problem", f"{file} is readable by others: chmod 600 {file}")
    return Finding("api-key", "ok", str(file))


def _database(settings: "Settings") -> Finding:
    import asyncpg

    from services.cli.administration import schema_version
    from services.cli.environment import addresses_of
    from services.schema import HEAD

    url = addresses_of(settings).get("LEADLINE_DATABASE_URL")
    if url is None:
        return Finding("database", "warning", "the embedded servers are not running")

    async def look() -> tuple[str, str | None]:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            server = await connection.fetchval("SHOW server_version")
            return server, await schema_version(connection)
        finally:
            await connection.close()

    try:
        server, at = asyncio.run(look())
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        return Finding("database", "problem", f"does not answer: {error}")
    if at is None or at < HEAD:
        return Finding(
            "database", "problem", f"is at migration {at}, the code wants {HEAD}: leadline migrate"
        )
    return Finding("database", "ok", f"Postgres {server}, migration {at}")


def _redis(settings: "Settings") -> Finding:
    import redis

    from services.cli.environment import addresses_of

    url = addresses_of(settings).get("LEADLINE_REDIS_URL")
    if url is None:
        return Finding("redis", "warning", "the embedded servers are not running")
    try:
        with redis.Redis.from_url(url, socket_timeout=5) as client:
            client.ping()
    except (OSError, redis.RedisError) as error:
        # Nothing is lost without it, only later: the sweep does the work the bell would start.
        return Finding("redis", "warning", f"does not answer: {error}")
    return Finding("redis", "ok", "answers")


def _serving(settings: "Settings") -> Finding:
    from services.cli.environment import is_ready

    base = f"http://{settings.http_host}:{settings.http_port}"
    if is_ready(base):
        return Finding("serving", "ok", f"{base} is ready")
    if is_ready(base, "/healthz"):
        return Finding("serving", "warning", f"{base} is alive and not ready: see {base}/readyz")
    return Finding("serving", "warning", f"nothing answers at {base}")
