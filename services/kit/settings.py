"""Every setting of Leadline, read once from the environment (prefix `LEADLINE_`).

Owns names, defaults and ceilings. Must not open anything or decide behaviour. One small class per
concern, combined in `Settings`; the environment name of a field is `LEADLINE_` and its name in
capitals. Addresses with a password are `SecretStr`, so that a log line cannot leak them.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

ServiceName = Literal["qualification", "pipeline", "forecast", "worker"]
SERVICE_NAMES: tuple[ServiceName, ...] = ("qualification", "pipeline", "forecast", "worker")

_POSTGRES_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_REDIS_SCHEMES = ("redis", "rediss", "unix")


class MissingSettingError(RuntimeError):
    """A setting without a default was needed and is not given."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is not set: give it, or use `leadline up`, which starts embedded servers"
        )
        self.name = name


def _plain_postgres_url(url: SecretStr) -> SecretStr:
    """The form asyncpg takes. SQLAlchemy's is derived from it, so that there is one truth."""
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator or scheme not in _POSTGRES_SCHEMES:
        raise PydanticCustomError("postgres_url", "must be a postgresql:// address")
    return SecretStr(f"postgresql://{rest}")


def _redis_url(url: SecretStr) -> SecretStr:
    scheme, separator, _ = url.get_secret_value().partition("://")
    if not separator or scheme not in _REDIS_SCHEMES:
        raise PydanticCustomError("redis_url", "must be a redis://, rediss:// or unix:// address")
    return url


PostgresUrl = Annotated[SecretStr, AfterValidator(_plain_postgres_url)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]


class _Group(BaseSettings):
    # Empty variables count as absent: `LEADLINE_DATABASE_URL= leadline up` means "embedded".
    model_config = SettingsConfigDict(
        env_prefix="LEADLINE_", env_ignore_empty=True, extra="ignore", frozen=True
    )


class ProcessSettings(_Group):
    """Where the process lives and how it speaks to operators."""

    home: Path = Field(
        default=Path(".leadline"),
        description="Directory of the embedded servers' data, the logs and the file `api-key`.",
    )
    http_host: str = Field(default="127.0.0.1", description="Address the HTTP port listens on.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="The HTTP port.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged."
    )
    log_json: bool = Field(
        default=True, description="One JSON object a line; false prints lines for people."
    )
    log_file_bytes_max: int = Field(
        default=64 * 1024**2,
        ge=64 * 1024,
        description="Size at which `leadline up` puts a log file aside; one older file is kept.",
    )
    first_start_marker: Path | None = Field(
        default=None,
        description="While this file exists the gateway's /readyz answers 503 (demo is loading).",
    )
    shutdown_grace_s: float = Field(
        default=5.0, gt=0, le=300, description="Seconds a request may finish in after SIGTERM."
    )


class DatabaseSettings(_Group):
    """Postgres: addresses, pools and the timeouts of every connection."""

    database_url: PostgresUrl | None = Field(
        default=None, description="Postgres for every process that has no address of its own."
    )
    qualification_database_url: PostgresUrl | None = Field(
        default=None, description="Postgres of the qualification service."
    )
    pipeline_database_url: PostgresUrl | None = Field(
        default=None, description="Postgres of the pipeline service."
    )
    forecast_database_url: PostgresUrl | None = Field(
        default=None, description="Postgres of the forecast service."
    )
    worker_database_url: PostgresUrl | None = Field(
        default=None, description="Postgres of the worker."
    )
    migrate_database_url: PostgresUrl | None = Field(
        default=None, description="Postgres as the owner of the schemas, for migrations."
    )
    database_pool_min: int = Field(
        default=1, ge=0, le=100, description="Connections a service's pool keeps open."
    )
    database_pool_max: int = Field(
        default=10, ge=1, le=200, description="Most connections of a service's pool."
    )
    database_pool_wait_s: float = Field(
        default=10.0, gt=0, le=300, description="Longest wait for a connection; then 503."
    )
    database_connect_timeout_s: float = Field(
        default=10.0, gt=0, le=120, description="Longest time to open a connection."
    )
    statement_timeout_ms: int = Field(
        default=30_000, ge=1, le=3_600_000, description="Longest a statement of a request runs."
    )
    worker_statement_timeout_ms: int = Field(
        default=120_000, ge=1, le=3_600_000, description="Longest a statement of the worker runs."
    )
    lock_timeout_ms: int = Field(
        default=5_000, ge=1, le=600_000, description="Longest a statement waits for a lock."
    )
    idle_in_transaction_timeout_ms: int = Field(
        default=30_000, ge=1, le=3_600_000, description="Longest a transaction may sit idle."
    )

    @property
    def has_database(self) -> bool:
        """Whether any Postgres is named; without one `leadline up` brings its own."""
        names = (
            "database_url",
            "migrate_database_url",
            *map("{}_database_url".format, SERVICE_NAMES),
        )
        return any(getattr(self, name) is not None for name in names)

    def database_dsn(self, service: ServiceName | None = None) -> str:
        """The `postgresql://` address for asyncpg, a service's own before the common one."""
        own: SecretStr | None = getattr(self, f"{service}_database_url") if service else None
        url = own or self.database_url
        if url is None:
            raise MissingSettingError("LEADLINE_DATABASE_URL")
        return url.get_secret_value()

    def sqlalchemy_url(self, service: ServiceName | None = None) -> str:
        """The same address as `database_dsn`, naming the driver for SQLAlchemy."""
        return self.database_dsn(service).replace("postgresql://", "postgresql+asyncpg://", 1)

    def migrate_dsn(self) -> str:
        """The address migrations run at: that of the schemas' owner."""
        if self.migrate_database_url is not None:
            return self.migrate_database_url.get_secret_value()
        return self.database_dsn()


class RedisSettings(_Group):
    """Redis or Valkey: the bell and the rate limiter's counters. Nothing there is needed back."""

    redis_url: RedisUrl | None = Field(default=None, description="Redis or Valkey.")
    redis_timeout_s: float = Field(
        default=0.25, gt=0, le=30, description="Longest a request waits for Redis before going on."
    )

    def redis_dsn(self) -> str:
        if self.redis_url is None:
            raise MissingSettingError("LEADLINE_REDIS_URL")
        return self.redis_url.get_secret_value()


class RequestSettings(_Group):
    """Limits of the HTTP contract."""

    body_bytes_max: int = Field(
        default=8 * 1024 * 1024,
        ge=1024,
        le=256 * 1024 * 1024,
        description="Largest request body; a larger one is 413. Imports are streamed and exempt.",
    )
    page_limit_default: int = Field(
        default=50, ge=1, le=200, description="Items of a page when `limit` is not given."
    )
    page_limit_max: int = Field(
        default=200, ge=1, le=1000, description="Most items a page may ask for."
    )
    batch_items_max: int = Field(
        default=1000, ge=1, le=10_000, description="Most items of a batch request."
    )
    rate_limit_per_second: int = Field(
        default=1000, ge=1, le=1_000_000, description="Requests a second of one API key; then 429."
    )
    idempotency_lease_s: float = Field(
        default=60.0, gt=0, le=3600, description="How long a running request holds its key."
    )
    idempotency_keep_h: int = Field(
        default=24, ge=1, le=720, description="Hours a finished request's answer is kept."
    )
    import_bytes_max: int = Field(
        default=2 * 1024**3, ge=1024, description="Largest import file that is accepted."
    )


class StreamSettings(_Group):
    """Server-sent events: answers that are sent again whenever they change."""

    stream_poll_s: float = Field(
        default=0.5, gt=0, le=60, description="How often a stream looks for something new."
    )
    stream_heartbeat_s: float = Field(
        default=15.0, gt=0, le=300, description="Longest a stream says nothing."
    )
    stream_length_s: float = Field(
        default=900.0, gt=0, le=86_400, description="A stream ends then; its client comes back."
    )
    streams_max: int = Field(
        default=500, ge=0, le=100_000, description="Open streams of one process; then 503."
    )


class WorkerSettings(_Group):
    """Limits and rhythm of the worker."""

    sweep_interval_s: float = Field(
        default=1.0, gt=0, le=60, description="Work is looked for this often, rung or not."
    )
    worker_batch_events_max: int = Field(
        default=1000, ge=1, le=10_000, description="Most outbox rows of one ledger batch."
    )
    worker_attempts_max: int = Field(
        default=5, ge=1, le=100, description="Failures of an event before it is parked."
    )
    worker_concurrency: int = Field(
        default=4, ge=1, le=64, description="Workspaces one worker process handles at a time."
    )
    worker_metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of the worker's own /metrics; none if unset.",
    )


class WebhookSettings(_Group):
    """Webhooks: how patiently they are sent, and where they may go."""

    webhook_timeout_s: float = Field(
        default=10.0, gt=0, le=60, description="Longest a receiver may take to answer."
    )
    webhook_allowed_networks: str = Field(
        default="",
        description="Networks that are not public and may receive webhooks all the same, such as"
        " 10.1.0.0/16, separated by commas.",
    )
    webhooks_max: int = Field(
        default=50, ge=0, le=10_000, description="Most webhooks of one workspace."
    )
    webhook_concurrency: int = Field(
        default=16, ge=1, le=256, description="Requests one worker process has open at a time."
    )
    webhook_log_keep_h: int = Field(
        default=72, ge=1, le=8760, description="Hours a settled delivery stays in the log."
    )

    @property
    def webhook_networks(self) -> list[str]:
        return [text.strip() for text in self.webhook_allowed_networks.split(",") if text.strip()]


class OidcSettings(_Group):
    """JSON Web Tokens of an identity provider; API keys work without any of it."""

    oidc_issuer: str | None = Field(default=None, description="Required `iss` of a token.")
    oidc_audience: str | None = Field(default=None, description="Required `aud` of a token.")
    oidc_jwks_url: str | None = Field(
        default=None, description="Where the provider publishes its signing keys."
    )
    oidc_jwks_keep_s: int = Field(
        default=300, ge=10, le=86_400, description="Seconds the signing keys are kept."
    )

    @property
    def oidc_enabled(self) -> bool:
        return bool(self.oidc_issuer and self.oidc_audience and self.oidc_jwks_url)


class Settings(
    ProcessSettings,
    DatabaseSettings,
    RedisSettings,
    RequestSettings,
    StreamSettings,
    WorkerSettings,
    WebhookSettings,
    OidcSettings,
):
    """All of them. Frozen: a process is restarted to change one."""


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """Read once a process. A test that changes the environment calls `get_settings.cache_clear`."""
    return Settings()
