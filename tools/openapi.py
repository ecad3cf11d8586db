"""Writes the OpenAPI document of each service to docs/openapi/, as clients' generators want it.

`--check` writes nothing and fails when a document is not what the code serves.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

SERVICES = ("qualification", "pipeline", "forecast")
DIRECTORY = Path(__file__).parents[1] / "docs" / "openapi"


def documents() -> dict[Path, str]:
    return {
        DIRECTORY / f"{name}.json": json.dumps(
            import_module(f"services.{name}.app").app.openapi(), indent=2, ensure_ascii=False
        )
        + "\n"
        for name in SERVICES
    }


def main(arguments: list[str]) -> int:
    stale = [
        path
        for path, text in documents().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if "--check" in arguments:
        for path in stale:
            print(f"{path.name} is not what the code serves: make openapi", file=sys.stderr)
        return 1 if stale else 0
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DIRECTORY.parents[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
