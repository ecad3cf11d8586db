"""Who reports to whom at one moment, and what follows from it: subtrees and their quotas.

Pure. It is built from the reporting lines in force; which lines those are is the repository's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from uuid import UUID


class Organisation:
    """Everybody in a reporting line. Lines may form a cycle by mistake; nothing here loops."""

    __slots__ = ("_reports", "_tops")

    def __init__(self, lines: Iterable[tuple[UUID, UUID | None]]) -> None:
        self._reports: dict[UUID, list[UUID]] = {}
        managed: set[UUID] = set()
        # In order, each once; a manager may have no line of their own.
        everybody: dict[UUID, None] = {}
        for user_id, manager_id in lines:
            everybody[user_id] = None
            if manager_id is not None:
                everybody[manager_id] = None
                managed.add(user_id)
                self._reports.setdefault(manager_id, []).append(user_id)
        self._tops = [user_id for user_id in everybody if user_id not in managed]

    def has_reports(self, user_id: UUID) -> bool:
        return user_id in self._reports

    def subtree(self, user_id: UUID) -> list[UUID]:
        """The user and everybody below."""
        return self._walk([user_id], stop_at=())

    def quota(self, user_id: UUID | None, quotas: Mapping[UUID, Decimal]) -> Decimal | None:
        """The quota of a subtree, of the whole company for None.

        A manager's own quota stands for everybody below, since what is handed down usually adds
        up to more than what was promised upwards. A manager without one carries the sum of the
        nearest quotas below. None where nobody in the subtree has a quota.
        """
        if not quotas:
            return None
        if user_id is not None:
            reached = self._walk([user_id], stop_at=quotas)
        else:
            reached = self._walk(self._tops, stop_at=quotas)
            below_a_top = set(self._walk(self._tops, stop_at=()))
            # Users without a line, or in a cycle, hang below nobody.
            reached += [other for other in quotas if other not in below_a_top]
        found = [quotas[reached_id] for reached_id in reached if reached_id in quotas]
        return sum(found, Decimal("0.00")) if found else None

    def _walk(self, tops: Iterable[UUID], stop_at: Iterable[UUID]) -> list[UUID]:
        """Everybody from `tops` down, not going below those to stop at."""
        stops = frozenset(stop_at)
        waiting, seen, reached = list(tops), set[UUID](), list[UUID]()
        while waiting:
            user_id = waiting.pop()
            if user_id in seen:
                continue
            seen.add(user_id)
            reached.append(user_id)
            if user_id not in stops:
                waiting.extend(self._reports.get(user_id, ()))
        return reached
