"""`leadline serve` and `leadline worker`: one process each, as containers run them."""

import contextlib
import enum
import socket
from typing import Annotated

import typer


class Served(enum.StrEnum):
    """What can be served; `gateway` is the three services behind one port."""

    gateway = "gateway"
    qualification = "qualification"
    pipeline = "pipeline"
    forecast = "forecast"


_NOT_STARTED = 3
"""The exit code uvicorn itself uses."""

_APPLICATIONS = {
    Served.gateway: "services.gateway:app",
    Served.qualification: "services.qualification.app:app",
    Served.pipeline: "services.pipeline.app:app",
    Served.forecast: "services.forecast.app:app",
}


def serve(
    service: Annotated[Served, typer.Argument(help="Which service.")],
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
) -> None:
    """Serve one service, or all three behind one port."""
    import uvicorn

    from services import lead_import
    from services.cli.environment import configure_logging
    from services.kit.settings import get_settings
    from services.kit.sse import STREAMS

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            # It waits for every connection, and a stream does not end by itself.
            STREAMS.end()
            await super().shutdown(sockets)

    settings = get_settings()
    configure_logging()
    lead_import.register()
    config = uvicorn.Config(
        _APPLICATIONS[service],
        host=host or settings.http_host,
        port=settings.http_port if port is None else port,
        log_config=None,
        access_log=False,
        server_header=False,
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=max(1, round(settings.shutdown_grace_s)),
    )
    server = Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(_NOT_STARTED)


def worker() -> None:
    """Run the worker: it turns events into figures, until it is told to stop."""
    from services.cli.environment import configure_logging

    configure_logging()
    from services.forecast.worker import run

    run()
