"""The stage gates of a policy: which criteria hold a deal back, by stage, and the check of them.

Pure data and checks, as in `policy_settings`, which gathers them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], str | None]


def table() -> dict[str, tuple[Any, Check]]:
    """The default of each setting and the check of any other value, for `policy_settings`."""
    return {}
