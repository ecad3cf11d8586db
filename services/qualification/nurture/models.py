"""Tables of nurture (schema `qualification`). No behaviour lives here."""

from __future__ import annotations
