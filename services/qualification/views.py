"""What qualification offers to pipeline, which may import this module and nothing else of it.

Read only, in the caller's session and with the caller's rights. What pipeline decides on it is
pipeline's business.
"""

from __future__ import annotations

from services.qualification.acceptance.views import Acceptance as Acceptance
from services.qualification.evidence.views import Evidence as Evidence
from services.qualification.evidence.views import evidence_of as evidence_of
from services.qualification.gate_evidence import ACCEPTANCE as ACCEPTANCE
from services.qualification.gate_evidence import MEETINGS as MEETINGS
from services.qualification.gate_evidence import NOTHING as NOTHING
from services.qualification.gate_evidence import PLAN as PLAN
from services.qualification.gate_evidence import GateEvidence as GateEvidence
from services.qualification.gate_evidence import MeetingSeen as MeetingSeen
from services.qualification.gate_evidence import MeetingView as MeetingView
from services.qualification.gate_evidence import gate_evidence_from as gate_evidence_from
from services.qualification.gate_evidence import gate_evidence_sql as gate_evidence_sql
from services.qualification.gate_evidence import meetings_of as meetings_of
from services.qualification.operation import operation_seen as operation_seen
from services.qualification.plans.touched import Touched as Touched
from services.qualification.plans.touched import plans_touched_since as plans_touched_since
from services.qualification.territories.views import RankSeen as RankSeen
from services.qualification.territories.views import account_ranks_of as account_ranks_of
