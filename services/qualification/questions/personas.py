"""The five buyer personas that are shipped. Data only; teams change and add theirs by PUT."""

from __future__ import annotations

from typing import Final

from services.qualification.questions.domain import Persona

_TECHNOLOGY: Final = Persona(
    key="technology_leader",
    name="Technology leader",
    description="Answers for engineering and the platform that software is built and run on.",
    obstacles=(
        "A toolchain grown over years that nobody can switch off at once",
        "Teams that chose their own tools and mean to keep them",
        "Engineers tied up in keeping integrations alive",
        "No common measure of how fast and how well teams deliver",
        "Too few people with experience of the new platform",
    ),
    objections=(
        "We have built this ourselves and it does what we need",
        "Migrating costs more engineering time than it gives back",
        "One product cannot be as good as the best tool for each job",
        "We cannot afford an interruption of releases",
    ),
    initiatives=(
        "Moving applications to the cloud",
        "Fewer tools and one platform for every team",
        "Automated testing and delivery",
        "A better working day for developers",
        "Replacing systems nobody wants to maintain",
    ),
    metrics=(
        "Lead time from commit to production",
        "Deployments a week",
        "Share of changes that fail",
        "Time to restore service",
        "Cost of tools and upkeep per developer",
    ),
    titles=(
        "cto", "chief technology officer", "chief information officer", "cio", "vp engineering",
        "vp of engineering", "vp technology", "vp of technology",
        "head of engineering", "head of platform", "director of engineering",
        "engineering director", "engineering manager", "platform lead", "platform engineering",
        "platform", "devops", "infrastructure", "architect", "release manager", "it manager",
        "it director", "engineering", "software", "technology",
    ),
)  # fmt: skip

_APPLICATIONS: Final = Persona(
    key="business_application_leader",
    name="Business application leader",
    description="Owns applications a department works with, and the people who deliver them.",
    obstacles=(
        "A backlog that grows faster than it is worked off",
        "Dependence on a central team with priorities of its own",
        "Requirements and code that live in separate places",
        "Releases tied to a calendar instead of to need",
    ),
    objections=(
        "My people are not developers; this is too technical for them",
        "Central IT decides on tools, not I",
        "The vendor of our application brings its own delivery tools",
        "We tried something alike and nobody used it",
    ),
    initiatives=(
        "Shorter time from an idea to something in use",
        "Planning in one place with those who build it",
        "Customer-facing applications renewed",
        "Less manual work in releases and approvals",
    ),
    metrics=(
        "Time from request to release",
        "Share of releases on the day promised",
        "Defects found by users",
        "Adoption of what was released",
        "Satisfaction of the departments served",
    ),
    titles=(
        "business application", "business applications", "enterprise applications",
        "head of applications", "applications manager", "application owner", "product owner",
        "head of product", "vp product", "vp of product", "chief product officer",
        "product director", "product manager", "head of digital", "digital products",
        "line of business", "crm manager", "erp manager", "applications", "product",
    ),
)  # fmt: skip

_SECURITY: Final = Persona(
    key="security_leader",
    name="Security leader",
    description="Answers for the security of software and for passing audits.",
    obstacles=(
        "Security looks at software when it is finished",
        "More findings than anybody can sort",
        "Scanners that do not know of each other",
        "Audit evidence gathered by hand",
        "No authority over how teams work",
    ),
    objections=(
        "We have scanners; another one adds noise",
        "Developers will not read security findings",
        "Source code must not leave our network",
        "You lack a certificate that we require",
    ),
    initiatives=(
        "Testing for weaknesses while code is written",
        "Knowing every component in every product",
        "Policies enforced by the pipeline instead of by memo",
        "Audits that take days instead of weeks",
    ),
    metrics=(
        "Time to repair a critical weakness",
        "Share of projects that are scanned",
        "Open weaknesses by severity and age",
        "Hours spent on an audit",
        "Weaknesses found before release",
    ),
    titles=(
        "ciso", "chief information security officer", "chief security officer", "cso",
        "head of security", "vp security", "vp of security", "director of security",
        "security director", "security manager", "security architect", "application security",
        "appsec", "product security", "information security", "security engineering",
        "cyber security", "cybersecurity", "compliance officer", "head of compliance",
        "risk manager", "chief risk officer", "devsecops", "security", "compliance",
    ),
)  # fmt: skip

_EXECUTIVE: Final = Persona(
    key="coo_cxo_leader",
    name="COO or CXO leader",
    description="Runs the business or a large part of it and decides what comes first.",
    obstacles=(
        "Plans whose progress nobody can show",
        "Functions that optimise for themselves",
        "More initiatives than people to carry them",
        "Decisions that wait for numbers from many systems",
    ),
    objections=(
        "This is a matter for IT, not for me",
        "We have too many changes under way",
        "Show me a company like ours that gained from it",
        "Why now and not next year?",
    ),
    initiatives=(
        "Digital transformation of how the company works and sells",
        "New offerings on the market sooner than competitors'",
        "Lower cost of running the business",
        "Keeping and winning skilled people",
        "Entering a new market or merging a bought company",
    ),
    metrics=(
        "Revenue from new offerings",
        "Time to market",
        "Operating margin",
        "Customer retention",
        "Share of strategic projects on plan",
    ),
    titles=(
        "ceo", "chief executive officer", "coo", "chief operating officer", "cxo", "cdo",
        "chief digital officer", "chief transformation officer", "chief customer officer",
        "chief experience officer", "chief of staff", "managing director", "general manager",
        "president", "founder", "co founder", "head of operations", "vp operations",
        "vp of operations", "director of operations", "head of transformation", "operations",
    ),
)  # fmt: skip

_FINANCIAL: Final = Persona(
    key="financial_leader",
    name="Financial leader",
    description="Answers for money: what is spent, when, and what comes back.",
    obstacles=(
        "Contracts for overlapping tools that end on different days",
        "Costs that nobody can attribute to a product",
        "A budget settled for the year",
        "Business cases that were never checked afterwards",
    ),
    objections=(
        "There is no budget for it this year",
        "The return is a promise, the cost is a fact",
        "The price is above what we pay now",
        "We want to pay for what is used, not for seats",
    ),
    initiatives=(
        "Fewer suppliers on better terms",
        "Spending that can be planned",
        "Lower running cost of IT",
        "Proof of return for every larger purchase",
    ),
    metrics=(
        "Total cost of ownership over three years",
        "Time until an investment has paid for itself",
        "Return on investment",
        "Spending against budget",
        "Cost of tools as a share of the engineering budget",
    ),
    titles=(
        "cfo", "chief financial officer", "vp finance", "vp of finance", "head of finance",
        "finance director", "director of finance", "finance manager", "financial controller",
        "controller", "chief procurement officer", "head of procurement", "procurement manager",
        "procurement", "purchasing", "sourcing manager", "treasurer", "finance", "financial",
    ),
)  # fmt: skip

# Where two fit a title equally well, the one whose subject is the narrower comes first.
SHIPPED: Final = (_SECURITY, _FINANCIAL, _APPLICATIONS, _TECHNOLOGY, _EXECUTIVE)
