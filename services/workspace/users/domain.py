"""Who reports to whom at which moment, and whether a new line would close a circle.

Pure. A line begins at an instant and holds until the next line of the same user; of two that begin
at the same instant the one recorded later holds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from operator import itemgetter
from typing import Final, NamedTuple
from uuid import UUID

END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


class Line(NamedTuple):
    """`manager_id` None: from then on the user reports to nobody."""

    user_id: UUID
    manager_id: UUID | None
    effective_from: datetime


class Circle(NamedTuple):
    """The users a circle goes through, the first one again at its end, and since when."""

    chain: tuple[UUID, ...]
    since: datetime


class Hierarchy:
    """All lines of a workspace. Lines are given in the order in which they were recorded."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines: dict[UUID, list[Line]] = {}
        for line in lines:
            self.add(line)

    def add(self, line: Line) -> None:
        """The line most recently recorded."""
        lines = self._lines.setdefault(line.user_id, [])
        place = bisect_right(lines, line.effective_from, key=_BEGIN)
        lines.insert(place, line)

    def remove(self, line: Line) -> None:
        """A line added before that is not to be recorded after all."""
        lines = self._lines[line.user_id]
        last = bisect_right(lines, line.effective_from, key=_BEGIN) - 1
        assert lines[last] == line
        del lines[last]

    def has_line(self, user_id: UUID) -> bool:
        return bool(self._lines.get(user_id))

    def manager_at(self, user_id: UUID, at: datetime) -> UUID | None:
        lines = self._lines.get(user_id, [])
        place = bisect_right(lines, at, key=_BEGIN)
        return lines[place - 1].manager_id if place else None

    def _held(self, user_id: UUID, start: datetime, end: datetime) -> Iterator[Line]:
        """The user's lines that hold somewhere in [start, end), begun no earlier than `start`."""
        lines = self._lines.get(user_id, [])
        place = max(bisect_right(lines, start, key=_BEGIN) - 1, 0)
        for index in range(place, len(lines)):
            line = lines[index]
            if line.effective_from >= end:
                return
            # A line with a twin recorded later never held.
            if self._end(lines, index) > max(line.effective_from, start):
                yield line._replace(effective_from=max(line.effective_from, start))

    @staticmethod
    def _end(lines: list[Line], index: int) -> datetime:
        return lines[index + 1].effective_from if index + 1 < len(lines) else END_OF_TIME

    def circle_of(self, line: Line) -> Circle | None:
        """The circle that exists through this line, which was added before, at any moment at which
        it holds; None where there is none."""
        lines = self._lines[line.user_id]
        index = bisect_right(lines, line.effective_from, key=_BEGIN) - 1
        if line.manager_id is None:
            return None
        open_ends: list[tuple[UUID, datetime, datetime, tuple[UUID, ...]]] = [
            (line.manager_id, line.effective_from, self._end(lines, index), (line.user_id,))
        ]
        while open_ends:
            user_id, start, end, path = open_ends.pop()
            if user_id == line.user_id:
                return Circle((*path, user_id), start)
            if user_id in path:
                continue
            for above in self._held(user_id, start, end):
                if above.manager_id is not None:
                    until = min(end, self._until(above))
                    open_ends.append(
                        (above.manager_id, above.effective_from, until, (*path, user_id))
                    )
        return None

    def _until(self, line: Line) -> datetime:
        lines = self._lines[line.user_id]
        return self._end(lines, bisect_right(lines, line.effective_from, key=_BEGIN) - 1)


_BEGIN = itemgetter(2)
