"""Tables of engagement (schema `qualification`). No behaviour lives here."""

from __future__ import annotations
