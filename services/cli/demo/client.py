"""The demo's HTTP client: JSON in and out, patient with a server that is busy or starting."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Final, Self

import httpx

from services.cli.environment import CommandError

_ATTEMPTS: Final = 8
_BUSY: Final = (429, 502, 503, 504)
_PAGE: Final = 200


class DemoError(CommandError):
    """The server did not take what the demo sent."""


class Client:
    """One key's view of the API."""

    def __init__(self, base_url: str, api_key: str) -> None:
        self._http = httpx.Client(
            base_url=base_url,
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=120,
            # The address is given: a proxy set for the outside world is not on the way to it.
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The parsed answer. Everything the demo sends may be sent twice, so what got no answer
        is sent again; raises DemoError on a refusal."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                response = self._http.request(method, path, **options)
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS:
                    raise DemoError(f"{method} {path}: {error}") from error
            else:
                if response.is_success:
                    return response.json()
                if response.status_code not in _BUSY or attempt == _ATTEMPTS:
                    raise DemoError(
                        f"{method} {path}: {response.status_code} {response.text[:500]}"
                    )
            time.sleep(min(5.0, 0.1 * 2**attempt))
        raise AssertionError("unreachable")

    def listed(self, path: str, **params: Any) -> Iterator[dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor: str | None = None
        while True:
            page = self.call(
                "GET",
                path,
                params={"limit": _PAGE, **params, **({"cursor": cursor} if cursor else {})},
            )
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def batch(self, path: str, items: Sequence[dict[str, Any]]) -> None:
        """All items or a DemoError: what the demo sends is meant to be accepted."""
        results = self.call("POST", path, json={"items": list(items)})["results"]
        refused = [result for result in results if result["status"] >= 400]
        if refused:
            first = refused[0]
            raise DemoError(
                f"{path}: {len(refused)} of {len(items)} items were refused; the first is "
                f"{items[first['index']]}: {first['error']}"
            )
