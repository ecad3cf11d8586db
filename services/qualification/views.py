"""What qualification offers to pipeline, which may import this module and nothing else of it.

Read only, in the caller's session and with the caller's rights. What pipeline decides on it is
pipeline's business.
"""

from __future__ import annotations
