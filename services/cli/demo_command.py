"""`leadline demo`: loads an invented company into a running Leadline, through its HTTP API."""

import time
from pathlib import Path
from typing import Annotated

import typer

_GATEWAY_PATIENCE_S = 300.0
_SAY_EVERY_S = 1.0


def demo(
    seed: Annotated[
        int | None, typer.Option(help="Another number invents another company.")
    ] = None,
    scale: Annotated[
        float, typer.Option(min=0.05, max=100, help="1 is about 1,200 opportunities.")
    ] = 1.0,
    base_url: Annotated[
        str | None, typer.Option(help="The gateway; by default the one of this machine.")
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(help="File with an admin's API key; by default that of `leadline up`."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Load the demo data into a running Leadline. Repeating it changes nothing."""
    from services.cli.demo import seed as load
    from services.cli.demo.plan import SEED
    from services.cli.environment import API_KEY_FILE, CommandError, say
    from services.kit.settings import get_settings

    settings = get_settings()
    base = base_url or f"http://{settings.http_host}:{settings.http_port}"
    keys = key_file or settings.home / API_KEY_FILE
    _wait_for(base)
    if not keys.exists():
        raise CommandError(f"{keys} is not there: start Leadline with `leadline up` first")
    started = time.monotonic()
    plan = load(
        base,
        keys.read_text().strip(),
        seed=SEED if seed is None else seed,
        scale=scale,
        progress=_Teller(),
    )
    answer = {
        "opportunities": len(plan.deals),
        "versions": plan.versions,
        "accounts": len(plan.accounts),
        "people": len(plan.organisation.people),
        "seconds": round(time.monotonic() - started, 1),
    }
    say(answer, as_json=as_json)


def _wait_for(base: str) -> None:
    from services.cli.environment import CommandError, is_ready

    end = time.monotonic() + _GATEWAY_PATIENCE_S
    while not is_ready(base, "/healthz"):
        if time.monotonic() > end:
            raise CommandError(f"the gateway at {base} does not answer")
        time.sleep(0.1)


class _Teller:
    """Says how far the load is, once a second and at the end of each part."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        from services.cli.environment import note

        now = time.monotonic()
        if total and (now >= self._next or done >= total):
            self._next = now + _SAY_EVERY_S
            note(f"{what}: {done:,} of {total:,}")
