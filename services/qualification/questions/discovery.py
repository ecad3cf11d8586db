"""Discovery questions that are shipped, by element of MEDDPPICC. Data only.

Open questions in our own words. `external_id` is element and subject; teams change the wording or
retire one by PUT under the same external id.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from services.qualification.questions.domain import Question

_TECH, _APPS, _SECURITY, _EXEC, _MONEY = (
    "technology_leader", "business_application_leader", "security_leader", "coo_cxo_leader",
    "financial_leader",
)  # fmt: skip
_QUO, _NEED, _OPTIONS, _EVALUATES, _CONCERNS, _BUYS, _ADOPTS = (
    "keeps_status_quo", "recognises_need", "explores_options", "evaluates_solutions",
    "resolves_concerns", "buys", "adopts",
)  # fmt: skip

_Row = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Subject, question, personas, buyer stages, use cases."""

_METRICS: Final[tuple[_Row, ...]] = (
    ("target", "Which number has to look different a year from now, and what is it today?",
     (_EXEC, _MONEY), (_NEED, _OPTIONS), ()),
    ("lead_time", ("How long does a change take from the first commit until customers use it, and"
     " where does it wait?"), (_TECH, _APPS), (_NEED, _OPTIONS), ("CI", "CD")),
    ("cost_today", "What does the present way of working cost in licences, people and upkeep?",
     (_MONEY, _TECH), (_NEED, _OPTIONS), ()),
    ("audit_hours", "How many hours go into an audit or a release approval, and whose are they?",
     (_SECURITY, _MONEY), (_NEED, _EVALUATES), ("Security", "Compliance")),
    ("proof", "How would you show your board in six months that the decision was right?",
     (_EXEC, _MONEY), (_EVALUATES, _CONCERNS, _ADOPTS), ()),
    ("agreed_value", ("Which of these figures would your finance people sign, and which would they"
     " doubt?"), (_MONEY,), (_CONCERNS, _BUYS), ()),
)  # fmt: skip

_ECONOMIC_BUYER: Final[tuple[_Row, ...]] = (
    ("owner_of_result", "Who answers for the result if this works, and who if it does not?",
     (), (_NEED, _OPTIONS), ()),
    ("spending", ("When something of this size was last bought, whose budget did it come from and"
     " who released it?"), (_TECH, _APPS, _SECURITY), (_OPTIONS, _EVALUATES), ()),
    ("priorities", ("What are the two things that person wants to have done this year, and where is"
     " this among them?"), (_TECH, _APPS, _SECURITY), (_NEED, _OPTIONS), ()),
    ("say_no", "Who could still say no after everybody else has said yes, and what would make them?",
     (), (_EVALUATES, _CONCERNS), ()),
    ("own_view", "What would you have to see before you put your own budget behind it?",
     (_EXEC, _MONEY), (_EVALUATES, _CONCERNS), ()),
)  # fmt: skip

_DECISION_CRITERIA: Final[tuple[_Row, ...]] = (
    ("must_have", "What must a solution do on the first day, and what may follow later?",
     (_TECH, _APPS), (_OPTIONS, _EVALUATES), ()),
    ("weights", "If two solutions do all that you need, what will tip the scales?",
     (), (_EVALUATES,), ()),
    ("who_wrote", "How did the list of requirements come about, and who asked for what?",
     (_TECH, _APPS, _SECURITY), (_OPTIONS, _EVALUATES), ()),
    ("security_rules", "Which security and data rules decide whether a product may be used at all?",
     (_SECURITY, _TECH), (_OPTIONS, _EVALUATES, _CONCERNS), ("Security", "Compliance")),
    ("economics", ("How is an investment judged here: by what it saves, by how soon it pays back, or"
     " by something else?"), (_MONEY, _EXEC), (_EVALUATES, _CONCERNS), ()),
    ("scale", "How should it behave with all the teams you will have in three years?",
     (_TECH,), (_EVALUATES,), ("SCM", "CI")),
)  # fmt: skip

_DECISION_PROCESS: Final[tuple[_Row, ...]] = (
    ("steps", "What has to happen between today and the day you decide, and who does each step?",
     (), (_OPTIONS, _EVALUATES), ()),
    ("date", "What happens on the day you want this in use, and what if that day is missed?",
     (), (_NEED, _OPTIONS, _EVALUATES), ()),
    ("last_time", "How did the last decision of this kind go, and what would you do differently?",
     (_TECH, _APPS, _SECURITY), (_OPTIONS,), ()),
    ("people", "Who takes part in the evaluation, and what does each of them want to find out?",
     (), (_OPTIONS, _EVALUATES), ()),
    ("end_of_test", "How will you know that the evaluation is over, and what comes right after it?",
     (_TECH, _SECURITY), (_EVALUATES,), ("CI", "CD", "SCM")),
)  # fmt: skip

_PAPER_PROCESS: Final[tuple[_Row, ...]] = (
    ("route", "Which way does a contract take here once you have decided, and how long at each desk?",
     (_MONEY, _TECH, _APPS), (_EVALUATES, _CONCERNS, _BUYS), ()),
    ("legal", "Whose terms are used for a purchase like this, and what do your lawyers look at first?",
     (_MONEY,), (_CONCERNS, _BUYS), ()),
    ("supplier", "What must a new supplier hand in before it can be paid?",
     (_MONEY,), (_CONCERNS, _BUYS), ()),
    ("security_review", ("What does your security review ask for, and when should it start so that it"
     " holds nothing up?"), (_SECURITY,), (_EVALUATES, _CONCERNS), ("Security", "Compliance")),
    ("signature", "Who signs, and when in the coming weeks could that person not be reached?",
     (), (_CONCERNS, _BUYS), ()),
)  # fmt: skip

_IDENTIFY_PAIN: Final[tuple[_Row, ...]] = (
    ("why_now", "What has changed that makes you look at this now?", (), (_QUO, _NEED), ()),
    ("nothing_done", "What happens if everything stays as it is for another year?",
     (_EXEC, _MONEY, _TECH), (_QUO, _NEED, _CONCERNS), ()),
    ("who_suffers", "Who notices the problem first, and what does that person do about it today?",
     (_TECH, _APPS), (_NEED,), ()),
    ("last_incident", "Tell me of the last time it went wrong: what did it lead to?",
     (_SECURITY, _TECH), (_NEED,), ("Security", "CD")),
    ("tools", "How many tools does a change pass through, and what falls between them?",
     (_TECH, _APPS), (_QUO, _NEED), ("SCM", "CI", "CD", "Planning")),
    ("goal_at_risk", "Which goal of the company is in danger because of it?",
     (_EXEC,), (_NEED, _OPTIONS), ()),
)  # fmt: skip

_CHAMPION: Final[tuple[_Row, ...]] = (
    ("own_stake", "What would it mean for you personally if this came about?",
     (_TECH, _APPS, _SECURITY), (_NEED, _OPTIONS), ()),
    ("sell_inside", "How would you explain to your management why this matters, in your own words?",
     (_TECH, _APPS, _SECURITY), (_OPTIONS, _EVALUATES), ()),
    ("track_record", "Which change did you last bring through here, and who helped you?",
     (_TECH, _APPS, _SECURITY), (_OPTIONS,), ()),
    ("introduction", "Whom else should we speak with, and would you bring us together?",
     (), (_NEED, _OPTIONS, _EVALUATES), ()),
    ("resistance", "Who would rather see this fail, and how would you deal with that?",
     (_TECH, _APPS, _SECURITY, _EXEC), (_EVALUATES, _CONCERNS), ()),
)  # fmt: skip

_COMPETITION: Final[tuple[_Row, ...]] = (
    ("alternatives", ("Which other ways to solve this are you looking at, doing it yourselves"
     " included?"), (), (_OPTIONS, _EVALUATES), ()),
    ("preference", "What do you like about the solution you know best, and what do you miss in it?",
     (_TECH, _SECURITY, _APPS), (_OPTIONS, _EVALUATES), ("CI", "SCM", "Security")),
    ("incumbent", "What would your present supplier have to do for you to stay?",
     (_TECH, _MONEY), (_EVALUATES, _CONCERNS), ()),
    ("inertia", "What else competes for the same people and the same money this year?",
     (_EXEC, _MONEY), (_NEED, _CONCERNS), ()),
    ("supporters", "Who speaks for the other solution, and what convinced them?",
     (), (_EVALUATES, _CONCERNS), ()),
)  # fmt: skip

_PARTNER: Final[tuple[_Row, ...]] = (
    ("how_you_buy", ("Do you usually buy software directly, through a reseller or under a programme,"
     " and why that way?"), (_MONEY, _TECH), (_OPTIONS, _CONCERNS, _BUYS), ()),
    ("integrator", "Which service company knows your systems best, and what part would it play here?",
     (_TECH, _APPS), (_OPTIONS, _EVALUATES), ()),
    ("cloud", "Which cloud do you run on, and what have you agreed with that provider?",
     (_TECH, _MONEY), (_OPTIONS, _EVALUATES), ("CD",)),
    ("gaps_in_skill", "Where will you need help from outside to bring this in, and who would give it?",
     (_TECH, _APPS, _SECURITY), (_EVALUATES, _ADOPTS), ()),
    ("partner_interest", "What would your partner gain or lose by this decision?",
     (_EXEC, _TECH), (_EVALUATES, _CONCERNS), ()),
)  # fmt: skip

_BY_ELEMENT: Final = {
    "metrics": _METRICS,
    "economic_buyer": _ECONOMIC_BUYER,
    "decision_criteria": _DECISION_CRITERIA,
    "decision_process": _DECISION_PROCESS,
    "paper_process": _PAPER_PROCESS,
    "identify_pain": _IDENTIFY_PAIN,
    "champion": _CHAMPION,
    "competition": _COMPETITION,
    "partner": _PARTNER,
}


def _questions() -> Iterator[Question]:
    for element, rows in _BY_ELEMENT.items():
        for subject, text, personas, buyer_stages, use_cases in rows:
            yield Question(
                external_id=f"{element}.{subject}",
                text=text,
                element=element,
                personas=personas,
                buyer_stages=buyer_stages,
                use_cases=use_cases,
            )


SHIPPED: Final = tuple(_questions())
