"""Tables of evidence (schema `qualification`). No behaviour lives here."""

from __future__ import annotations
