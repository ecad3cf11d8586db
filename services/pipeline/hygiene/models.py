"""Tables of hygiene (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations
