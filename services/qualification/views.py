"""What qualification offers to pipeline, which may import this module and nothing else of it.

Read only, in the caller's session and with the caller's rights. What pipeline decides on it is
pipeline's business.
"""

from __future__ import annotations

from services.qualification.acceptance.views import Acceptance as Acceptance
from services.qualification.acceptance.views import acceptance_of as acceptance_of
from services.qualification.evidence.views import Evidence as Evidence
from services.qualification.evidence.views import evidence_of as evidence_of
