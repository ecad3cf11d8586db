"""Maps made without a database, for what decides and draws them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.qualification.territories.colours import Standing
from services.qualification.territories.usage_map import (
    Group,
    TerritoryFace,
    Tile,
    UsageMap,
    in_order,
)

NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)


def tile(number: int, colour: str | None, **fields: object) -> Tile:
    standing = None
    days = fields.pop("age", 0)
    assert isinstance(days, int)
    if colour is not None:
        stated = NOW - timedelta(days=days)
        standing = Standing(colour, stated, "Kim", stated, None)
    blank = {
        "id": UUID(int=1000 + number),
        "external_id": f"d{number}",
        "organisation_id": UUID(int=0),
        "parent_id": None,
        "name": f"Division {number % 3}",
        "kind": "division",
        "users": None,
        "contact": None,
        "note": None,
        "early_adopter": False,
        "practises_devops": None,
        "standing": standing,
    }
    return Tile(**(blank | fields))  # type: ignore[arg-type]


def group(number: int, tiles: list[Tile], **fields: object) -> Group:
    blank = {
        "id": UUID(int=number),
        "external_id": f"o{number}",
        "name": f"Organisation {number % 2}",
        "account_external_id": None,
        "vertical": None,
        "route_to_market": None,
        "employees": None,
        "is_customer": False,
        "tiles": in_order(tiles),
    }
    return Group(**(blank | fields))  # type: ignore[arg-type]


def usage_map(groups: list[Group]) -> UsageMap:
    face = TerritoryFace(
        id=UUID(int=7), external_id="t", name="North", segment=None, region=None, area=None,
        owner_ids=[], owner_external_ids=[],
    )  # fmt: skip
    return UsageMap(territory=face, as_of=NOW, axis="occurred", groups=groups, around=groups)
