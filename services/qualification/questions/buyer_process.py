"""The buyer's process that is shipped: stages, what shows them, what to do in each. Data only."""

from __future__ import annotations

from typing import Final

from services.qualification.questions.domain import BuyerStage

SHIPPED: Final = (
    BuyerStage(
        key="keeps_status_quo",
        name="Keeps things as they are",
        position=1,
        buyer_actions=(
            "Reads a newsletter or a general article, and nothing about products",
            "Answers that there is nothing to change at present",
            "Attends an event without asking for anything afterwards",
        ),
        selling_activities=(
            "Tell what companies of the same industry changed, and why",
            "Ask about plans of the year and what could upset them",
            "Offer an invitation instead of a product demonstration",
        ),
    ),
    BuyerStage(
        key="recognises_need",
        name="Recognises a need",
        position=2,
        buyer_actions=(
            "Names a problem, an incident or a target that is missed",
            "Downloads material on the problem rather than on a product",
            "Brings a colleague who suffers from the same problem",
        ),
        selling_activities=(
            "Deepen the pain: since when, whom it hits, what it costs",
            "Agree on what happens if nothing is done",
            "Find out whose goal is at stake, and ask to meet that person",
        ),
    ),
    BuyerStage(
        key="explores_options",
        name="Explores options",
        position=3,
        buyer_actions=(
            "Asks how others solved it, or which approaches there are",
            "Compares building, buying and leaving it as it is",
            "Starts a trial or visits the pages on features and prices",
        ),
        selling_activities=(
            "Shape the criteria: what must a solution do, and how is it proven",
            "Show two ways to reach the goal, one of them without us",
            "Map who takes part in the decision, and meet them one by one",
        ),
    ),
    BuyerStage(
        key="evaluates_solutions",
        name="Evaluates solutions",
        position=4,
        buyer_actions=(
            "Sends a list of requirements or a questionnaire",
            "Asks for a demonstration, an evaluation or a reference",
            "Names the competitors that are looked at",
        ),
        selling_activities=(
            "Agree on success criteria and an end date before anything is tested",
            "Prepare the champion to speak for it when we are not there",
            "Set questions that matter where competitors are weak",
        ),
    ),
    BuyerStage(
        key="resolves_concerns",
        name="Resolves concerns",
        position=5,
        buyer_actions=(
            "Brings security, legal or finance into the conversation",
            "Asks about migration, support, contract terms or risk",
            "Falls silent after a good evaluation",
        ),
        selling_activities=(
            "Ask openly what could still stop it, and who would",
            "Work through the business case with whoever owns the budget",
            "Write down every step to the signature together, with names and dates",
        ),
    ),
    BuyerStage(
        key="buys",
        name="Buys",
        position=6,
        buyer_actions=(
            "Asks for a quote with a date, or for the order form",
            "Names the steps of procurement and who signs",
            "Negotiates price and terms",
        ),
        selling_activities=(
            "Walk through the paper process and hold its dates",
            "Trade every concession for something in return",
            "Introduce whoever will look after the customer afterwards",
        ),
    ),
    BuyerStage(
        key="adopts",
        name="Puts it to use",
        position=7,
        buyer_actions=(
            "Brings the first teams on and asks how to do things",
            "Tells of first results, or that they are missing",
            "Asks what else could be done with it",
        ),
        selling_activities=(
            "Measure what was promised and show it to the economic buyer",
            "Ask which other departments have the same problem",
            "Agree on the goals of the next year well before the renewal",
        ),
    ),
)
