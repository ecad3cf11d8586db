"""The picture and the page: geometry, contrast, escaping, forms. Looked at as numbers."""

from __future__ import annotations

import itertools
import random
import re
from html.parser import HTMLParser
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.territories.domain import COLOURS, SHADES
from services.qualification.territories.drawing.layout import (
    WIDTH,
    Box,
    GroupBox,
    Picture,
    lay_out,
)
from services.qualification.territories.drawing.page import HEADERS, STYLE, render_page
from services.qualification.territories.drawing.palette import (
    ALARM,
    GROUP_PAPER,
    INK,
    LOOKS,
    PAPER,
    SOFT_INK,
)
from services.qualification.territories.drawing.svg import draw, draw_shelf
from services.qualification.territories.drawing.text_fit import fit, text_width, wrap
from services.qualification.territories.usage_map import Group, UsageMap
from tests.client import Api
from tests.qualification.territories_book import (
    V1,
    make_division,
    make_organisation,
    make_territory,
    refusal,
    small_book,
)
from tests.qualification.territories_shapes import group, tile, usage_map

SVG = "{http://www.w3.org/2000/svg}"
NASTY = "\"><script>alert(1)</script><img src=x onerror=alert(2)>' &lt; ]]> --> \ufffe"
NAMES = ("IT", "Platform Engineering", "Ärztliche Forschung und klinische Entwicklung Nord",
         "客户平台研发中心", "Donaudampfschifffahrtsgesellschaftskapitänsmütze", NASTY)  # fmt: skip


def book(organisations: int, divisions: list[int], seed: int = 1) -> UsageMap:
    dice = random.Random(seed)
    numbers = itertools.count()
    groups: list[Group] = []
    for place in range(organisations):
        tiles = [
            tile(
                next(numbers),
                dice.choice([*COLOURS, None]),
                name=dice.choice(NAMES),
                users=dice.choice([None, 3, 12345678]),
                early_adopter=dice.random() < 0.3,
            )
            for _ in range(dice.choice(divisions))
        ]
        groups.append(group(place, tiles, name=dice.choice(NAMES), vertical=dice.choice(NAMES)))
    return usage_map(groups)


def apart(one: Box, two: Box) -> bool:
    return one.right <= two.x or two.right <= one.x or one.bottom <= two.y or two.bottom <= one.y


def inside(inner: Box, outer: Box) -> bool:
    return (
        outer.x <= inner.x
        and inner.right <= outer.right
        and outer.y <= inner.y
        and inner.bottom <= outer.bottom
    )


def groups_of(picture: Picture) -> list[GroupBox]:
    return [box for shelf in picture.shelves for box in shelf.groups]


class TestGeometry:
    @pytest.mark.parametrize("organisations", [1, 2, 3, 4, 7, 50, 200])
    @pytest.mark.parametrize("divisions", [[0], [1], [10], [0, 1, 5, 17, 40]])
    def test_nothing_overlaps_or_sticks_out(self, organisations: int, divisions: list[int]) -> None:
        shown = book(organisations, divisions)
        picture = lay_out(shown)
        page = Box(0, 0, WIDTH, picture.height)
        groups = groups_of(picture)
        assert [box.group.id for box in groups] == [each.id for each in shown.groups]
        assert all(inside(box.box, page) for box in groups)
        for shelf, following in itertools.pairwise(picture.shelves):
            assert shelf.y + shelf.height < following.y
        for shelf in picture.shelves:
            for one, two in itertools.combinations(shelf.groups, 2):
                assert apart(one.box, two.box)
            for box in shelf.groups:
                assert shelf.y == box.box.y
                assert box.box.height <= shelf.height
                assert len(box.tiles) == len(box.group.tiles)
                for one, two in itertools.combinations(box.tiles, 2):
                    assert apart(one.box, two.box)
                for part in box.tiles:
                    assert inside(part.box, box.box)
                    # Below the last line of the organisation's own.
                    assert part.box.y > max(line.y for line in box.lines)

    @pytest.mark.parametrize("organisations", [1, 2, 30])
    def test_every_line_fits_its_box(self, organisations: int) -> None:
        picture = lay_out(book(organisations, [0, 3, 20]))
        for row in picture.legend:
            assert row.line.x + text_width(row.line.text, row.line.size) <= WIDTH
            assert row.swatch.right < row.line.x
        for line in picture.head:
            assert line.x + text_width(line.text, line.size) <= WIDTH
        for box in groups_of(picture):
            for line in box.lines:
                assert line.x + text_width(line.text, line.size) < box.box.right
            for part in box.tiles:
                baselines = [line.y for line in part.lines]
                assert baselines == sorted(set(baselines))
                assert baselines[-1] + 3 <= part.box.height
                assert baselines[0] >= part.lines[0].size
                for line in part.lines:
                    assert line.x > 0
                    assert line.x + text_width(line.text, line.size) <= part.box.width
                for above, below in itertools.pairwise(part.lines):
                    assert below.y - above.y >= below.size

    def test_the_bar_of_totals_is_as_long_as_the_shares(self) -> None:
        picture = lay_out(book(20, [10]))
        for (_, one), (_, two) in itertools.pairwise(picture.parts):
            assert one.right == two.x
        assert picture.parts[-1][1].right <= WIDTH - 24

    @given(st.text(max_size=80), st.integers(6, 30), st.integers(0, 400))
    def test_what_is_fitted_fits(self, text: str, size: int, width: int) -> None:
        fitted = fit(text, size, width)
        assert text_width(fitted, size) <= width
        if text_width(text, size) <= width:
            assert fitted == text
        else:
            assert fitted == "" or fitted.endswith("…")

    @given(st.text(max_size=120), st.integers(20, 300), st.integers(1, 4))
    def test_what_is_wrapped_fits_and_loses_nothing_it_has_room_for(
        self, text: str, width: int, lines_max: int
    ) -> None:
        lines = wrap(text, 12, width, lines_max)
        assert len(lines) <= lines_max
        assert all(text_width(line, 12) <= width or len(line) == 1 for line in lines)
        if lines and not lines[-1].endswith("…") and len(lines) < lines_max:
            squeezed = "".join(text.split())
            assert "".join("".join(lines).split()) == squeezed

    def test_a_name_too_long_is_whole_in_the_title(self) -> None:
        long = "Donaudampfschifffahrtsgesellschaftskapitänsmütze " * 4
        shown = usage_map([group(1, [tile(1, "red", name=long.strip())], name=long.strip())])
        (box,) = groups_of(lay_out(shown))
        assert box.lines[0].text.endswith("…")
        assert long.strip() in box.title
        (part,) = box.tiles
        assert part.lines[1].text.endswith("…")
        assert long.strip() in part.title


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, two: str) -> float:
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


class TestSeeing:
    def test_text_has_contrast(self) -> None:
        assert round(contrast("#000000", "#ffffff"), 1) == 21.0
        pairs = [(look.ink, look.fill) for look in LOOKS.values()]
        pairs += [(ink, paper) for ink in (INK, SOFT_INK, ALARM) for paper in (PAPER, GROUP_PAPER)]
        pairs += [(INK, "#eaeef2")]
        for one, two in pairs:
            assert contrast(one, two) >= 4.5, (one, two)

    def test_edges_stand_out_from_the_paper(self) -> None:
        for look in LOOKS.values():
            assert contrast(look.edge, GROUP_PAPER) >= 3

    def test_no_colour_is_told_by_colour_alone(self) -> None:
        assert set(LOOKS) == set(SHADES)
        for told in ("mark", "pattern", "fill", "name"):
            assert len({getattr(look, told) for look in LOOKS.values()}) == len(SHADES)


class TestSvg:
    def test_is_well_formed_and_says_what_it_is(self) -> None:
        for organisations in (0, 1, 40):
            root = ElementTree.fromstring(draw(lay_out(book(organisations, [0, 3, 20]))))
            assert root.tag == f"{SVG}svg"
            assert root.get("role") == "img"
            assert root.get("aria-label") == "Usage map of North"
            assert root[0].tag == f"{SVG}title"
            assert root[1].tag == f"{SVG}desc"
            assert f"{organisations} organisation" in (root[1].text or "")

    def test_each_tile_has_colour_mark_and_whole_title(self) -> None:
        shown = usage_map([group(1, [tile(n, c) for n, c in enumerate([*COLOURS, None])])])
        root = ElementTree.fromstring(draw(lay_out(shown)))
        tiles = root.findall(f"./{SVG}g/{SVG}svg")
        found = set()
        for each in tiles:
            face, bar = each.findall(f"{SVG}rect")[:2]
            words = "".join(text.text or "" for text in each.findall(f"{SVG}text"))
            assert (each.findtext(f"{SVG}title") or "").startswith("Division")
            look = next(look for look in LOOKS.values() if look.fill == face.get("fill"))
            assert look.mark in words
            found.add((face.get("fill"), bar.get("fill")))
        assert len(tiles) == len(found) == len(SHADES)
        patterns = {each.get("id") for each in root.iter(f"{SVG}pattern")}
        used = set(re.findall(r"url\(#([\w-]+)\)", draw(lay_out(shown))))
        assert used == patterns

    def test_has_neither_script_nor_style(self) -> None:
        text = draw(lay_out(book(9, [6])))
        for element in ElementTree.fromstring(text).iter():
            tag = element.tag.removeprefix(SVG)
            assert tag in {
                "svg", "g", "rect", "text", "title", "desc", "defs", "pattern", "path", "circle",
            }  # fmt: skip
            for attribute, value in element.attrib.items():
                assert attribute != "style"
                assert not attribute.startswith("on")
                assert "script" not in value or value == NASTY.replace("\ufffe", "\ufffd")

    @given(st.text(min_size=1, max_size=60))
    def test_carries_any_text(self, text: str) -> None:
        shown = usage_map(
            [group(1, [tile(1, "red", name=text, contact=text)], name=text, vertical=text)]
        )
        picture = lay_out(shown)
        root = ElementTree.fromstring(draw(picture))
        assert len(list(root.iter(f"{SVG}svg"))) == 2
        ElementTree.fromstring(draw_shelf(picture.shelves[0]))


class _Page(HTMLParser):
    """Collects elements, and complains of what a page of ours never has."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    page.close()
    return page


class TestPage:
    def test_nothing_a_user_wrote_becomes_markup(self) -> None:
        tiles = [
            tile(n, c, name=NASTY, contact=NASTY, users=3)
            for n, c in enumerate(["green", "yellow", "red", "grey"])
        ]
        shown = usage_map([group(1, tiles, name=NASTY, vertical=NASTY), group(2, [], name=NASTY)])
        for text in (render_page(shown), draw(lay_out(shown))):
            assert "<script" not in text
            page = parsed(text)
            assert not {"script", "img", "iframe", "a", "link", "object"} & set(page.tags)
            assert not [name for _, name, _ in page.attributes if name.startswith("on")]
            assert not [name for _, name, _ in page.attributes if name in ("style", "href", "src")]
        seen = "".join(parsed(render_page(shown)).texts)
        assert NASTY.replace("\ufffe", "\ufffd") in seen

    def test_a_name_turns_nothing_round_but_itself(self) -> None:
        shown = usage_map([group(1, [], name="\u202eevil \u2067\u0634\u0631")])
        for text in (render_page(shown), draw(lay_out(shown))):
            assert set(re.findall("[\u202e\u2067]|evil \u0634", text)) == {"evil \u0634"}

    def test_every_element_is_closed(self) -> None:
        """As XML, less what HTML alone knows: its type and the two elements without an end."""
        text = render_page(book(7, [0, 4, 18]))
        text = re.sub(r"<!DOCTYPE html>|<meta[^>]*>", "", text)
        root = ElementTree.fromstring(text)
        assert root.get("lang") == "en"

    def test_has_the_picture_and_all_of_it_as_a_table(self) -> None:
        shown = book(5, [4])
        page = parsed(render_page(shown))
        assert page.tags.count("tr") > 20
        # The head of the picture, a shelf each, and a viewport for each division.
        picture = lay_out(shown)
        assert page.tags.count("svg") == 1 + len(picture.shelves) + 20
        ids = [value for _, name, value in page.attributes if name == "id"]
        assert len(ids) == len(set(ids))
        labels = [value for tag, name, value in page.attributes if name == "aria-label"]
        assert len(labels) == 1 + len(picture.shelves)

    def test_the_policy_names_the_one_style_sheet(self) -> None:
        import base64
        import hashlib

        (style,) = re.findall(r"<style>(.*?)</style>", render_page(book(1, [1])), re.DOTALL)
        assert style == STYLE
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = HEADERS["Content-Security-Policy"]
        assert f"'sha256-{digest}'" in policy
        assert policy.startswith("default-src 'none';")
        assert "unsafe" not in policy


class TestForms:
    @pytest.mark.parametrize(
        ("asked", "accept", "media_type"),
        [
            (None, None, "application/json"),
            (None, "*/*", "application/json"),
            (None, "image/svg+xml", "image/svg+xml"),
            (None, "image/*", "image/svg+xml"),
            (None, "text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
            (None, "text/csv;q=0.9, application/json;q=0.5", "text/csv"),
            (None, "text/html;q=0, */*", "application/json"),
            ("svg", "application/json", "image/svg+xml"),
            ("html", None, "text/html"),
            ("csv", None, "text/csv"),
            ("json", "text/html", "application/json"),
        ],
    )
    async def test_the_form_that_is_asked_for(
        self, api: Api, asked: str | None, accept: str | None, media_type: str
    ) -> None:
        territory = await small_book(api)
        acme = (await api.call("GET", f"{V1}/organisations?external_id=acme"))["items"][0]
        headers = {"Accept": accept} if accept else {"Accept": ""}
        params = {"format": asked} if asked else {}
        for path in (f"/territories/{territory['id']}/map", f"/organisations/{acme['id']}/map"):
            response = await api.request("GET", V1 + path, params=params, headers=headers)
            assert response.status_code == 200
            assert response.headers["content-type"].split(";")[0] == media_type
            if media_type in ("text/html", "image/svg+xml"):
                policy = response.headers["content-security-policy"]
                assert "default-src 'none'" in policy
                assert response.headers["x-content-type-options"] == "nosniff"
                assert "Platform" in response.text
            if media_type == "image/svg+xml":
                ElementTree.fromstring(response.text)

    async def test_a_form_there_is_not(self, api: Api) -> None:
        territory = await make_territory(api)
        path = f"{V1}/territories/{territory['id']}/map"
        pdf = await api.request("GET", path, params={"format": "pdf"})
        assert refusal(pdf) == (422, "invalid_payload", ["query/format"])
        png = await api.request("GET", path, headers={"Accept": "image/png"})
        assert refusal(png)[:2] == (406, "not_acceptable")
        assert png.headers["content-type"] == "application/problem+json"

    async def test_what_users_wrote_through_http(self, api: Api) -> None:
        nasty = NASTY.replace("\ufffe", "")
        territory = await make_territory(api, name=nasty, region=nasty, area=nasty)
        acme = await make_organisation(api, territory, "acme", name=nasty, vertical=nasty)
        await make_division(
            api, acme, "x", name=nasty, colour="red", said_by=nasty, evidence=nasty, contact=nasty
        )
        path = f"{V1}/territories/{territory['id']}/map"
        for form in ("svg", "html"):
            text = (await api.request("GET", path, params={"format": form})).text
            assert "<script" not in text
            assert "<img" not in text
            assert "&lt;script&gt;" in text


def test_ids_of_tests_are_apart() -> None:
    """The helpers give organisations and divisions ids that never meet."""
    shown: Any = book(200, [10])
    ids = [each.id for g in shown.groups for each in (g, *g.tiles)]
    assert len(ids) == len(set(ids))
    assert all(isinstance(each, UUID) for each in ids)
