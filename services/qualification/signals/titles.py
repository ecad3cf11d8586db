"""Reads a job title: how senior somebody is, and in which function. Pure, and by words alone, so
that every answer can name the word it rests on. An unread title says nothing, which is no fault."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_WORD: Final = re.compile(r"[^\W_]+")


class Reading(NamedTuple):
    """A class, and the words of the title that put it there."""

    group: str
    because: str


# In this order: an assistant to the director is not one, a managing director is more than one.
_SENIORITY: Final = (
    ("individual", {"assistant", "intern", "trainee", "apprentice", "student"}),
    (
        "executive",
        {
            "chief", "ceo", "cto", "cio", "ciso", "coo", "cfo", "cpo", "cdo", "cro", "cmo", "cso",
            "president", "vp", "svp", "evp", "avp", "founder", "cofounder", "managing director",
            "general manager", "managing partner", "business owner", "board member",
        },
    ),
    ("director", {"director", "head"}),
    ("manager", {"manager", "lead", "leader", "supervisor", "product owner", "scrum master"}),
    (
        "individual",
        {
            "engineer", "developer", "programmer", "analyst", "administrator", "admin",
            "architect", "specialist", "consultant", "associate", "technician", "coordinator",
            "designer", "scientist", "researcher", "representative", "officer", "sre", "dba",
            "sysadmin", "tester", "writer", "recruiter", "teacher",
        },
    ),
)  # fmt: skip
# The narrower before the wider: security engineers secure, sales engineers sell.
_FUNCTIONS: Final = (
    (
        "security",
        {"security", "ciso", "cso", "infosec", "appsec", "cybersecurity", "devsecops", "cyber"},
    ),
    (
        "unrelated",
        {
            "sales", "marketing", "hr", "human resources", "people", "recruiter", "recruiting",
            "talent", "student", "teacher", "legal", "lawyer", "counsel", "facilities", "cmo",
            "account executive", "public relations",
        },
    ),
    (
        "engineering",
        {
            "engineering", "engineer", "engineers", "developer", "development", "devops",
            "software", "sre", "reliability", "platform", "cto", "chief technology",
            "chief technical", "programmer", "architect", "architecture", "qa",
            "quality assurance", "release", "r d", "product",
        },
    ),
    (
        "it",
        {
            "it", "cio", "chief information", "information technology", "infrastructure",
            "systems", "system", "sysadmin", "network", "networks", "cloud", "data center", "dba",
            "database", "helpdesk", "technology",
        },
    ),
)  # fmt: skip
_WORDS_MAX: Final = 2


def _read(title: str | None, table: tuple[tuple[str, set[str]], ...]) -> Reading | None:
    words = _WORD.findall((title or "").casefold())
    # The longer phrase first: it says more than either of its words.
    phrases = [
        " ".join(words[at : at + length])
        for length in range(_WORDS_MAX, 0, -1)
        for at in range(len(words) - length + 1)
    ]
    for group, known in table:
        for phrase in phrases:
            if phrase in known:
                return Reading(group, phrase)
    return None


def seniority_of(title: str | None) -> Reading | None:
    """`executive`, `director`, `manager` or `individual`; None where no word tells."""
    return _read(title, _SENIORITY)


def function_of(title: str | None) -> Reading | None:
    """`engineering`, `it`, `security` or `unrelated`; None where no word tells."""
    return _read(title, _FUNCTIONS)
