"""What is read of the sales operation and written back, and how differences name their lines."""

from __future__ import annotations

from typing import Any

from services.pipeline.operations import domain
from tests.client import Api
from tests.pipeline.operations.test_operations import OPERATION


class TestReaders:
    async def test_write_what_they_read_as_version_0(self, api: Api) -> None:
        path = f"{OPERATION}/components/compensation"
        tag = (await api.request("GET", path)).headers["ETag"]
        first = await api.request("PUT", path, json={"summary": "A"}, headers={"If-Match": tag})
        second = await api.request("PUT", path, json={"summary": "B"}, headers={"If-Match": tag})
        assert (first.status_code, second.status_code) == (200, 412)


class TestDifference:
    def test_finds_a_line_by_whom_it_is_about_and_not_by_its_place(self) -> None:
        """Another function before it, and two people of one function who both say something."""

        def told(*scores: tuple[str, str, int]) -> dict[str, Any]:
            return domain.alignment(
                {"factor": "customer", "function": function, "actor": actor, "score": score,
                 "comment": "So it is."}
                for function, actor, score in scores
            )  # fmt: skip

        before = told(("sales", "user:ana", 2), ("sales", "user:ben", 4))
        after = told(("finance", "user:ida", 3), ("sales", "user:ana", 1), ("sales", "user:ben", 5))
        found = {line["figure"]: line["change"] for line in domain.difference(before, after)}
        assert not any("functions[sales]" in figure for figure in found)
        comments = "factors[customer].comments"
        assert found[f"{comments}[sales, user:ana].score"] == "-1"
        assert found[f"{comments}[sales, user:ben].score"] == "1"
