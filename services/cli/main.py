"""The command `leadline`: names every command and where it lives, nothing more.

The modules of the commands import what they need inside their functions, so that `--help`
answers at once and `leadline up` stays small.
"""

import sys
from types import TracebackType

import typer

from services.cli import (
    audit,
    bootstrap,
    demo_command,
    doctor,
    imports,
    key,
    migrate,
    rebuild,
    reconcile,
    serve,
    up,
    workspace,
)

app = typer.Typer(
    name="leadline",
    help="From a lead to the Net ARR a company will book this quarter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("up")(up.up)
app.command("serve")(serve.serve)
app.command("worker")(serve.worker)
app.command("migrate")(migrate.migrate)
app.add_typer(workspace.app, name="workspace")
app.add_typer(key.app, name="key")
app.command("doctor")(doctor.doctor)
app.command("import")(imports.command)
app.command("reconcile")(reconcile.command)
app.command("audit")(audit.command)
app.command("rebuild")(rebuild.command)
app.command("demo")(demo_command.demo)
app.command("bootstrap", hidden=True)(bootstrap.bootstrap)


def run() -> None:
    sys.excepthook = explain
    # Not `app()`, which would put a hook of its own in place of ours.
    typer.main.get_command(app)()


def explain(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Refusals are sentences on standard error; a traceback means a defect. Both end with code 1.

    Called when everything has failed already, so that `--help` need not load what it knows.
    """
    from pydantic import ValidationError

    from services.cli.environment import REFUSALS
    from services.kit.errors import ServiceError

    if isinstance(error, ValidationError):
        lines = [
            f"LEADLINE_{'_'.join(map(str, fault['loc'])).upper()} {fault['msg']}"
            for fault in error.errors(include_url=False, include_input=False)
        ]
    elif isinstance(error, ServiceError):
        lines = [f"{p.pointer.rpartition('/')[2]} {p.message}" for p in error.errors]
        lines = lines or [error.detail]
    elif isinstance(error, REFUSALS):
        lines = [str(error)]
    else:
        sys.__excepthook__(kind, error, traceback)
        return
    for line in lines:
        print(f"leadline: {line}", file=sys.stderr)


if __name__ == "__main__":
    run()
