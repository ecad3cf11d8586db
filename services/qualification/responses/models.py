"""Tables of responses (schema `qualification`). No behaviour lives here."""

from __future__ import annotations
