"""What the import tests share: files in, the import run in this process, its report out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.pipeline.imports import service
from tests.client import Api

Files = Mapping[str, str | bytes]


class Imports:
    """The imports of one workspace."""

    def __init__(self, api: Api) -> None:
        self.api = api

    async def send(
        self, files: Files | bytes | str, mapping: str | None = None, **query: str
    ) -> Any:
        """The response of the upload: several named files, or one body."""
        params = query | ({"mapping": mapping} if mapping is not None else {})
        if isinstance(files, (bytes, str)):
            return await self.api.request(
                "POST", "/pipeline/v1/imports", params=params, content=files
            )
        parts = [
            ("file", (name, body.encode() if isinstance(body, str) else body))
            for name, body in files.items()
        ]
        return await self.api.request("POST", "/pipeline/v1/imports", params=params, files=parts)

    async def run(
        self, files: Files | bytes | str, mapping: str | None = None, **query: str
    ) -> dict[str, Any]:
        """Uploaded, run to its end, and what it reports."""
        response = await self.send(files, mapping, **query)
        assert response.status_code == 202, response.text
        assert await service.run_one(
            self.api.database(), self.api.workspace_id, UUID(response.json()["id"])
        )
        return await self.report(response.json()["id"])

    async def work(self) -> None:
        """Whatever is queued here, run."""
        while await service.run_one(self.api.database(), self.api.workspace_id):
            pass

    async def report(self, import_id: str) -> dict[str, Any]:
        return await self.api.call("GET", f"/pipeline/v1/imports/{import_id}")

    async def errors(self, report: dict[str, Any], severity: str = "error") -> list[Any]:
        answer = await self.api.call(
            "GET", f"/pipeline/v1/imports/{report['id']}/errors", params={"severity": severity}
        )
        return answer["items"]

    async def opportunity(self, external_id: str) -> dict[str, Any]:
        answer = await self.api.call(
            "GET", "/pipeline/v1/opportunities", params={"external_id": external_id}
        )
        (found,) = answer["items"]
        return found

    async def history(self, external_id: str) -> list[dict[str, Any]]:
        found = await self.opportunity(external_id)
        answer = await self.api.call("GET", f"/pipeline/v1/opportunities/{found['id']}/history")
        return answer["items"]

    async def versions(self) -> list[tuple[Any, ...]]:
        """Every version there is, without what differs between two workspaces."""
        async with self.api.database().read(self.api.workspace_id) as session:
            rows = await session.fetch(
                """
                SELECT o.external_id, e.version, e.kind,
                    nullif(e.occurred_at, e.recorded_at) AS occurred_at,
                    e.changes - '{owner_id,account_id,sdr_id}'::text[] AS changes
                FROM pipeline.opportunity_events AS e
                JOIN pipeline.opportunities AS o
                  ON o.workspace_id = $1 AND o.id = e.opportunity_id
                WHERE e.workspace_id = $1 ORDER BY o.external_id, e.version
                """,
                self.api.workspace_id,
            )
        return [tuple(row) for row in rows]

    async def reconciliation(self, import_id: str) -> dict[str, Any]:
        """Without what differs between two imports of the same files."""
        answer = await self.api.call("GET", f"/pipeline/v1/imports/{import_id}/reconciliation")
        return {name: answer[name] for name in ("records", "sums", "totals", "differing")}

    async def differences(self, import_id: str, **query: Any) -> list[dict[str, Any]]:
        answer = await self.api.call(
            "GET", f"/pipeline/v1/imports/{import_id}/reconciliation/differences", params=query
        )
        return answer["items"]

    async def stated(self) -> list[tuple[Any, ...]]:
        """What was kept of the files to compare with, whatever import kept it."""
        async with self.api.database().read(self.api.workspace_id) as session:
            rows = await session.fetch(
                """
                SELECT record, key, file, line, state, standing, amount, currency, close_date,
                    occurred_at, codes
                FROM pipeline.reconciliation_rows WHERE workspace_id = $1 ORDER BY record, key
                """,
                self.api.workspace_id,
            )
        return [tuple(row) for row in rows]

    async def lead_moves(self) -> list[tuple[Any, ...]]:
        """Every move of a lead, with what it became, without what differs between workspaces."""
        async with self.api.database().read(self.api.workspace_id) as session:
            rows = await session.fetch(
                """
                SELECT l.external_id, l.version, m.from_status, m.to_status, m.occurred_at,
                    sdr.external_id AS sdr, c.state, c.requested_at, o.external_id AS opportunity
                FROM qualification.leads AS l
                JOIN qualification.lead_moves AS m ON m.workspace_id = $1 AND m.lead_id = l.id
                LEFT JOIN workspace.users AS sdr ON sdr.workspace_id = $1 AND sdr.id = m.sdr_id
                LEFT JOIN qualification.conversions AS c
                  ON c.workspace_id = $1 AND c.lead_id = l.id
                LEFT JOIN pipeline.opportunities AS o
                  ON o.workspace_id = $1 AND o.id = c.opportunity_id
                WHERE l.workspace_id = $1 ORDER BY l.external_id, m.occurred_at, m.to_status
                """,
                self.api.workspace_id,
            )
        return [tuple(row) for row in rows]


def warned(report: dict[str, Any]) -> dict[str, int]:
    """Warnings by kind."""
    return {warning["code"]: warning["count"] for warning in report["warnings"]}
