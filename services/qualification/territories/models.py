"""Tables of territories (schema `qualification`). No behaviour lives here."""

from __future__ import annotations
