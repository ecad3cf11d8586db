"""The garbage collector of a process that turns over many small records.

By default Python walks every object it ever loaded again and again while a batch is worked on,
which took a third of the time of a large one. What was there at the start stays, so it is left
out; what comes later is mostly freed by its last reference, so cycles are looked for less often.
"""

from __future__ import annotations

import gc
from typing import Final

_YOUNG_MAX: Final = 20_000
"""New containers before the young are looked at; some megabytes of unreachable cycles at most."""


def calm_collector() -> None:
    """Call once what the process keeps for good is loaded; again is harmless."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_MAX, 10, 10)
