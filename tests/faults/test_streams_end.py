"""A server that is told to stop does not wait for streams, which end only when somebody ends them."""

from __future__ import annotations

import time

from tests.faults.conftest import QUARTER
from tests.product import Product

# Half of what requests are given to finish in: it must not be waited for.
SOON_S = 2.5


def test_open_streams_do_not_keep_the_server(product: Product) -> None:
    deal = product.call(
        "PUT", "/pipeline/v1/opportunities/by-external-id/one",
        json={"name": "One", "type": "new_business", "owner_external_id": "ana"},
    )  # fmt: skip
    assert product.http is not None
    assert product.gateway is not None
    plan = f"/qualification/v1/opportunities/{deal['id']}/command-plan/stream"
    with (
        product.http.stream("GET", plan) as followed,
        product.http.stream("GET", f"/forecast/v1/forecasts/{QUARTER}/stream") as watched,
    ):
        streams = [followed.iter_lines(), watched.iter_lines()]
        for lines in streams:
            assert next(lines).startswith("id: ")
        stopped_at = time.monotonic()
        product.gateway.terminate()
        for lines in streams:
            # The stream ends as streams do: no connection that breaks off.
            assert all(not line.startswith("event: error") for line in lines)
        product.gateway.wait(timeout=30)
        assert time.monotonic() - stopped_at < SOON_S
    said = (product.home / f"{product.port}-0.log").read_text()
    assert "Application shutdown complete" in said
    assert "Traceback" not in said
    assert "timeout graceful shutdown exceeded" not in said
