"""Text as XML and HTML carry it: nothing a user wrote can become markup, or turn round the text
that follows it."""

from __future__ import annotations

import re
from html import escape
from typing import Final

# What XML 1.0 cannot carry, not even escaped.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Embeddings, overrides and isolates, which reach beyond a name into our own words. Letters of
# scripts that run from right to left need none of them.
_TURNS: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")


def escaped(text: str) -> str:
    """For content and for attributes in double quotes alike."""
    return escape(_NOT_XML.sub("\ufffd", _TURNS.sub("", text)), quote=True)
