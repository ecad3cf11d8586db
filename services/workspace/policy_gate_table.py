"""What `sop-2022` asks at each stage gate, and the checks there are.

Pure data. What a record can show is asked of the record; what only a person knows is attested in
the checklist of the opportunity. Hard criteria hold a move, the others are shown.
"""

from __future__ import annotations

from typing import Any, Final

from services.workspace.policy_qualification import ELEMENTS

ATTESTED: Final = "attested"
CHECKS: Final = (
    "amount_positive",
    "owner_not_sdr",
    "next_step_agreed",
    "next_step_within_days",
    "acceptance_test",
    "qualification_meeting_held",
    "scoping_meeting_scheduled",
    "technical_evaluation_meeting_set",
    "seats_known",
    "use_case_known",
    "contact_known",
    "overview_complete",
    "full_plan_complete",
    "close_plan_dated",
    "competitors_known",
    "downgrade_reason_given",
    "terms_change_allowed",
    "customer_paper_allowed",
    *(f"meddppicc_{element}" for element in ELEMENTS),
    "lost_reason_listed",
    "lost_details_given",
    "competitor_named",
    "product_line_named",
    "merged_into_named",
    "breakup_email_logged",
    "unqualified_reason_listed",
    "unqualified_details_given",
    "duplicate_of_named",
)
REASON_NEEDS: Final = ("competitor", "product_line", "merged_into", "details", "breakup_email")
"""What a lost reason may need beside itself."""

# Nobody sells to a customer who serves himself, and a renewal was qualified when it was new.
_SOLD: Final = ["inbound", "outbound", "partner", "unknown"]
_GROWING: Final = ["new_business", "add_on"]
_NOT_RENEWED: Final = ["new_business", "add_on", "professional_services"]


def _hard(code: str, check: str | None = None, **scope: Any) -> dict[str, Any]:
    return {"code": code, "kind": "hard", "check": check or code, **scope}


def _soft(code: str, check: str | None = None, **scope: Any) -> dict[str, Any]:
    return {"code": code, "kind": "checklist", "check": check or code, "sources": _SOLD, **scope}


def _attested(kind: str, code: str, message: str, **scope: Any) -> dict[str, Any]:
    return {
        "code": code, "kind": kind, "check": ATTESTED, "message": message, "sources": _SOLD,
        **scope,
    }  # fmt: skip


def _must(code: str, message: str, **scope: Any) -> dict[str, Any]:
    return _attested("hard", code, message, **scope)


def _should(code: str, message: str, **scope: Any) -> dict[str, Any]:
    return _attested("checklist", code, message, **scope)


def _elements(*names: str) -> list[dict[str, Any]]:
    return [_soft(f"meddppicc_{name}") for name in names]


DEFAULT_GATES: Final[dict[str, list[dict[str, Any]]]] = {
    "pending_acceptance": [
        _hard("qualification_meeting_held", types=_NOT_RENEWED, sources=_SOLD),
        _hard("acceptance_test", types=_NOT_RENEWED, sources=_SOLD),
        _hard("next_step_agreed", sources=_SOLD),
        _hard("next_step_within_days", sources=["inbound"]),
        _hard("amount_positive"),
        _hard("owner_not_sdr", sources=_SOLD),
        *_elements("identify_pain", "economic_buyer"),
        _soft("meddppicc_decision_process", sources=["inbound"]),
    ],
    "discovery": [
        _hard("scoping_meeting_scheduled", types=_NOT_RENEWED, sources=_SOLD),
        _hard("seats_known", types=_GROWING),
        _hard("use_case_known", types=_GROWING, sources=_SOLD),
        _should("recap_mail_sent", "Send the attendees a recap of the meeting."),
        *_elements("partner", "identify_pain", "competition"),
        _soft("contact_known"),
        _should(
            "custom_deck",
            "Make a deck of their own for the customer.",
            amount_min={"smb": 5000, "mid_market": 10_000},
        ),
        _soft("overview_complete", amount_min={"smb": 5000, "mid_market": 10_000}),
    ],
    "scoping": [
        _hard("overview_complete", sources=_SOLD),
        _hard("full_plan_complete", sources=_SOLD),
        _hard("technical_evaluation_meeting_set", types=_NOT_RENEWED, sources=_SOLD),
        _should("stakeholders_mapped", "Map the stakeholders and plan how to engage each."),
        _should(
            "strategy_session", "Hold the strategy session of account executive and architect."
        ),
        _should("partner_engaged", "Engage a partner, or decide to go without."),
        _should("alternatives_considered", "Consider two alternative approaches."),
        *_elements(
            "decision_criteria",
            "decision_process",
            "metrics",
            "champion",
            "economic_buyer",
            "competition",
        ),
    ],
    "technical_evaluation": [
        _must(
            "poc_success_criteria",
            "Agree on the proof of concept's success criteria, and note what came of it.",
            when="poc_planned",
        ),
        _should("poc_planned", "Say whether there is a proof of concept."),
        _should("demo_output_shared", "Share what the demo showed."),
        _should("roi_validated", "Have the customer validate the measures of return."),
        _should("agreement_to_propose", "Get the customer's word that a proposal is wanted."),
        _should("services_identified", "Say which services are needed."),
        *_elements("decision_criteria", "decision_process", "paper_process"),
    ],
    "proposal": [
        _must("bill_to_complete", "Complete the bill-to contact and address."),
        _must("sold_to_complete", "Complete the sold-to contact and address."),
        _hard("close_plan_dated", sources=_SOLD),
        _must("procurement_confirmed", "Confirm the procurement process with the customer."),
        _should("vendor_form_known", "Know whether a purchase order or vendor form is needed."),
        _should("msa_sent", "Send the master agreement."),
        _should("sow_agreed", "Agree on the statement of work.", types=["professional_services"]),
        _should("implementation_strategy", "Agree on how to implement."),
    ],
    "negotiating": [
        _must("business_terms_agreed", "Agree on the business terms."),
        _must("legal_terms_agreed", "Agree on the legal terms.", amount_min=25_000),
        _hard("terms_change_allowed", sources=_SOLD),
        _hard("customer_paper_allowed", sources=_SOLD),
        _must("quote_ready", "Have the quote ready."),
        _should("referenceable", "Say whether the customer may be named as a reference."),
    ],
    "awaiting_signature": [
        _must("documents_attached", "Attach the executed documents."),
        _must("purchase_order", "Attach the purchase order, or say that none is needed."),
        _must("eula", "Have the licence agreement accepted, or say that none is needed."),
        _must("won_reason", "Say why it is won."),
        _hard("competitors_known", sources=_SOLD),
        _hard("downgrade_reason_given", types=["renewal"]),
        _should("vendor_registration", "Register as a vendor."),
        _should("csm_introduced", "Introduce the customer success manager.", net_arr_min=50_000),
    ],
    # Booking approves what is closing by records of its own.
    "closing": [],
    "closed_lost": [
        _hard("lost_reason_listed"),
        _hard("lost_details_given"),
        _hard("competitor_named"),
        _hard("product_line_named"),
        _hard("merged_into_named"),
        {"code": "breakup_email_logged", "kind": "checklist", "check": "breakup_email_logged"},
    ],
    "unqualified": [_hard("unqualified_reason_listed"), _hard("unqualified_details_given")],
    "duplicate": [_hard("duplicate_of_named")],
}

LOST_REASONS: Final[list[dict[str, Any]]] = [
    {"code": "competitive_loss", "needs": ["competitor"]},
    {"code": "product_maturity", "needs": ["product_line"]},
    {"code": "product_value_gaps"},
    {"code": "product_quality_availability"},
    {"code": "lack_of_adoption", "except_order_types": ["new_first_order", "new_connected"]},
    {"code": "lack_of_engagement_sponsor"},
    {"code": "loss_of_budget"},
    {"code": "corporate_decision"},
    {"code": "merged", "needs": ["merged_into"]},
    {"code": "no_response", "needs": ["breakup_email"]},
    {"code": "other", "needs": ["details"]},
]
UNQUALIFIED_REASONS: Final = [
    "no_authority",
    "no_initiative",
    "no_fit",
    "no_budget",
    "not_now",
    "no_show",
    "no_response",
    "wrong_contact",
    "other",
]
