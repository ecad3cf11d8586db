"""What every command needs: servers to talk to, a way to answer, and which errors are refusals."""

import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from services.kit.binaries import ServerNotFoundError
from services.kit.embedded import EmbeddedServerError, EmbeddedServers, HomeInUseError
from services.kit.postgres_home import PostgresHomeError
from services.kit.settings import MissingSettingError, Settings, get_settings

SERVERS_FILE = "servers.json"
API_KEY_FILE = "api-key"
SEEDING_FILE = "seeding"


class CommandError(RuntimeError):
    """A command cannot do what it was asked; the message is for the person who asked."""


REFUSALS = (
    CommandError,
    EmbeddedServerError,
    HomeInUseError,
    MissingSettingError,
    PostgresHomeError,
    ServerNotFoundError,
)


def say(answer: Mapping[str, Any], *, as_json: bool) -> None:
    """A result on standard output: one JSON object for scripts, lines for people."""
    if as_json:
        print(json.dumps(answer, default=str))
        return
    for name, value in answer.items():
        print(f"{name.replace('_', ' ')}: {value}")


def note(message: str) -> None:
    """Progress for people; kept off standard output, which scripts read."""
    print(message, file=sys.stderr, flush=True)


def configure_logging() -> None:
    from services.kit.logging import configure

    settings = get_settings()
    configure(level=settings.log_level, json=settings.log_json)


def set_environment(additions: Mapping[str, str]) -> Settings:
    """For this process and the ones it starts."""
    os.environ.update(additions)
    get_settings.cache_clear()
    return get_settings()


def is_ready(base_url: str, path: str = "/readyz") -> bool:
    """Whether that process answers 200; no answer is a no."""
    import http.client
    import urllib.parse

    address = urllib.parse.urlsplit(base_url)
    connection = http.client.HTTPConnection(address.netloc, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    partial = path.with_name(f"{path.name}.new")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.replace(path)


@contextlib.contextmanager
def embedded_servers(
    settings: Settings, stop: Callable[[EmbeddedServers], None] = EmbeddedServers.stop
) -> Iterator[EmbeddedServers]:
    """The servers whose addresses are not given, started on the home and stopped at the end.

    Their addresses are put into the environment, and into a private file for other commands.
    """
    home = settings.home.absolute()
    servers = EmbeddedServers(
        home,
        with_postgres=not settings.has_database,
        with_valkey=settings.redis_url is None,
    )
    file = home / SERVERS_FILE
    servers.start()
    try:
        addresses: dict[str, str] = {}
        if servers.postgres is not None:
            addresses["LEADLINE_DATABASE_URL"] = servers.postgres.url
        if servers.valkey is not None:
            addresses["LEADLINE_REDIS_URL"] = servers.valkey.url
        set_environment({"LEADLINE_HOME": str(home), **addresses})
        write_private(file, json.dumps({"pid": os.getpid(), **addresses}))
        yield servers
    finally:
        file.unlink(missing_ok=True)
        stop(servers)


@contextlib.contextmanager
def connected() -> Iterator[Settings]:
    """Settings with a database: the given one, that of a running `leadline up`, or an embedded one
    started for the length of the command."""
    settings = get_settings()
    if settings.has_database:
        yield settings
        return
    try:
        with embedded_servers(settings):
            yield get_settings()
    except HomeInUseError:
        yield _join_running(settings)


def addresses_of(settings: Settings) -> dict[str, str]:
    """Addresses of the servers as far as they are given or run; starts nothing."""
    addresses: dict[str, str] = {}
    with contextlib.suppress(FileNotFoundError):
        addresses = json.loads((settings.home / SERVERS_FILE).read_text())
        addresses.pop("pid", None)
    if settings.has_database:
        addresses["LEADLINE_DATABASE_URL"] = settings.database_dsn("worker")
    if settings.redis_url is not None:
        addresses["LEADLINE_REDIS_URL"] = settings.redis_url.get_secret_value()
    return addresses


def _join_running(settings: Settings) -> Settings:
    addresses = addresses_of(settings)
    if "LEADLINE_DATABASE_URL" not in addresses:
        raise CommandError(
            f"the servers of {settings.home} are starting or stopping; try again in a moment"
        )
    return set_environment(addresses)
