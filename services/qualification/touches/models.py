"""Tables of touches (schema `qualification`). No behaviour lives here."""

from __future__ import annotations
