"""Schemathesis over all three documents: no fault of ours, no answer that is not declared."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.client import Api, Stack

EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def _operations() -> list[Any]:
    from services.gateway import SERVICES

    found = []
    for name, app in SERVICES.items():
        schema = schemathesis.openapi.from_dict(app.openapi())
        for result in schema.get_all_operations():
            operation = result.ok()
            found.append(
                pytest.param(name, operation, id=f"{name} {operation.method} {operation.path}")
            )
    return found


@pytest.mark.parametrize(("service", "operation"), _operations())
async def test_answers_are_declared(stack: Stack, api: Api, service: str, operation: Any) -> None:
    # Cases are drawn first and sent afterwards: drawing is synchronous, sending is not.
    cases: list[Any] = []

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def draw(case: Any) -> None:
        cases.append(case)

    draw()
    assert cases
    for case in cases:
        prepared = requests.Request(
            **case.as_transport_kwargs(base_url=f"http://leadline.test/{service}")
        ).prepare()
        response = await api.http.send(
            api.http.build_request(
                prepared.method or "GET",
                prepared.url or "",
                content=prepared.body,
                headers=[*prepared.headers.items(), ("Authorization", f"Bearer {api.token}")],
            )
        )
        case.validate_response(response, checks=CHECKS)
