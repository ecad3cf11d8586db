"""The settings of a policy that govern the discipline of the pipeline: defaults and their checks.

Pure data and checks, as in `policy_settings`, which gathers them. What nobody published is a
default of ours and meant to be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], str | None]


def table(checks: Mapping[str, Callable[..., Check]]) -> dict[str, tuple[Any, Check]]:
    """The default of each setting and the check of any other value, for `policy_settings`, which
    lends its `checks`: whole, one_of, some_of, by_segment, ascending."""
    return {
        # Bookings.
        # Hygiene.
        # Clocks and notices.
        # Activities.
        # Customers.
        # The sales operation.
    }
