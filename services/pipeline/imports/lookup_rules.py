"""Look-ups of a mapping: files whose rows others are joined with. Owns their shape; `joins` keeps
the rows and does the joining."""

from __future__ import annotations

from pydantic import Field

from services.pipeline.imports.rules import Condition, Part, Texts


class Join(Part):
    """A look-up's columns beside the row's own, as `name.column`: of the look-up's row whose key
    is in the column `by`, which may itself be of a join before."""

    lookup: str
    by: str
    as_: str | None = Field(None, alias="as", pattern=r"^[a-z][a-z0-9_]{0,30}$")

    @property
    def name(self) -> str:
        return self.as_ or self.lookup


class Sum(Part):
    """A number added up over the rows of one key."""

    column: str
    when: Condition | None = None


class Place(Part):
    """The place of a row among those that share a column, in percent: 0 the first, 100 the last.
    Ordered by the numbers in `by`."""

    within: str
    by: Texts
    skip: list[Condition] = Field(default_factory=list)


class Lookup(Part):
    """Rows of a file that others are joined with. Of several rows of one key the first gives the
    columns; `lists` gathers a column of all of them, `sums` adds one up."""

    file: str
    key: str
    columns: list[str] = Field(default_factory=list)
    lists: dict[str, str] = Field(default_factory=dict)
    sums: dict[str, Sum] = Field(default_factory=dict)
    place: Place | None = None
    skip: list[Condition] = Field(default_factory=list)

    @property
    def kept(self) -> list[str]:
        """Columns that are remembered of each row."""
        named = [*self.columns, *self.lists.values()]
        named += [each.when.column for each in self.sums.values() if each.when is not None]
        if self.place is not None:
            named += [self.place.within, *self.place.by]
            named += [condition.column for condition in self.place.skip]
        return list(dict.fromkeys(named))

    @property
    def read(self) -> set[str]:
        """Columns of its file that something reads."""
        named = {self.key, *self.kept, *(each.column for each in self.sums.values())}
        return named | {condition.column for condition in self.skip}

    @property
    def offered(self) -> set[str]:
        """Columns that a join adds."""
        place = {"place"} if self.place is not None else set()
        return {*self.columns, *self.lists, *self.sums} | place
