"""What the worker has to do later about the pipeline: one timer a kind and subject, set and taken
back by writers. How timers behave is the kit's; who handles which is `tasks`."""

from __future__ import annotations

from typing import Final

from services.kit.timers import Timers

TIMERS: Final = Timers("pipeline.timers")

arm = TIMERS.arm
rearm = TIMERS.rearm
disarm = TIMERS.disarm
