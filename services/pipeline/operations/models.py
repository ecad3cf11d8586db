"""Tables of the sales operation (schema `pipeline`). No behaviour lives here."""

from __future__ import annotations
