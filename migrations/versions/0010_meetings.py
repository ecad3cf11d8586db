"""Meetings with their preparation, reviews and outcomes, and what teams add to the catalogues."""

from __future__ import annotations

from alembic import op

from migrations import layout

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = (
    "questions",
    "personas",
    "buyer_stages",
    "meetings",
    "meeting_people",
    "preparations",
    "meeting_reviews",
    "meeting_outcomes",
    "moments",
    "meeting_answers",
)


def upgrade() -> None:
    _create_questions()
    _create_personas()
    _create_buyer_stages()
    _create_meetings()
    _create_meeting_people()
    _create_preparations()
    _create_meeting_reviews()
    _create_meeting_outcomes()
    _create_moments()
    _create_meeting_answers()
    layout.grant(
        "qualification",
        "SELECT, INSERT, UPDATE, DELETE",
        "leadline_qualification",
        "leadline_worker",
    )


def downgrade() -> None:
    for table in reversed(_TABLES):
        op.execute(f"DROP TABLE qualification.{table}")


def _create_questions() -> None:
    op.execute(
        """
        CREATE TABLE qualification.questions (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            text TEXT,
            element TEXT,
            personas JSONB,
            use_cases JSONB,
            buyer_stages JSONB,
            active BOOLEAN NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_questions PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_questions_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.questions")


def _create_personas() -> None:
    op.execute(
        """
        CREATE TABLE qualification.personas (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            name TEXT,
            description TEXT,
            obstacles JSONB,
            objections JSONB,
            initiatives JSONB,
            metrics JSONB,
            titles JSONB,
            active BOOLEAN NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_personas PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_personas_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.personas")


def _create_buyer_stages() -> None:
    op.execute(
        """
        CREATE TABLE qualification.buyer_stages (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            name TEXT,
            position SMALLINT,
            buyer_actions JSONB,
            selling_activities JSONB,
            active BOOLEAN NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_buyer_stages PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_buyer_stages_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.buyer_stages")


def _create_meetings() -> None:
    op.execute(
        """
        CREATE TABLE qualification.meetings (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            external_id TEXT,
            version INTEGER NOT NULL,
            subject TEXT NOT NULL,
            kind TEXT NOT NULL,
            is_qualification BOOLEAN NOT NULL,
            state TEXT NOT NULL,
            scheduled_at TIMESTAMP WITH TIME ZONE NOT NULL,
            duration_minutes SMALLINT,
            happens_at TIMESTAMP WITH TIME ZONE NOT NULL,
            lead_id UUID,
            opportunity_id UUID,
            account_external_id TEXT,
            attendees JSONB NOT NULL,
            buyer_stage TEXT,
            owner_id UUID,
            held_at TIMESTAMP WITH TIME ZONE,
            next_step TEXT,
            next_step_date DATE,
            rebook_until DATE,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_meetings PRIMARY KEY (workspace_id, id),
            CONSTRAINT uq_meetings_workspace_id_external_id UNIQUE (workspace_id, external_id)
        )
        """
    )
    layout.place("qualification.meetings")
    op.execute(
        "CREATE INDEX ix_meetings_qualification"
        " ON qualification.meetings (workspace_id, happens_at) WHERE is_qualification"
    )
    op.execute(
        "CREATE INDEX ix_meetings_workspace_id_account_external_id_happens_at"
        " ON qualification.meetings (workspace_id, account_external_id, happens_at)"
    )
    op.execute(
        "CREATE INDEX ix_meetings_workspace_id_happens_at_id"
        " ON qualification.meetings (workspace_id, happens_at, id)"
    )
    op.execute(
        "CREATE INDEX ix_meetings_workspace_id_lead_id_happens_at"
        " ON qualification.meetings (workspace_id, lead_id, happens_at)"
    )
    op.execute(
        "CREATE INDEX ix_meetings_workspace_id_opportunity_id_happens_at"
        " ON qualification.meetings (workspace_id, opportunity_id, happens_at)"
    )
    op.execute(
        "CREATE INDEX ix_meetings_workspace_id_owner_id_happens_at"
        " ON qualification.meetings (workspace_id, owner_id, happens_at)"
    )
    op.execute(
        "ALTER TABLE qualification.meetings"
        " ADD CONSTRAINT fk_meetings_workspace_id_lead_id"
        " FOREIGN KEY (workspace_id, lead_id)"
        " REFERENCES qualification.leads (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.meetings"
        " ADD CONSTRAINT fk_meetings_workspace_id_owner_id"
        " FOREIGN KEY (workspace_id, owner_id)"
        " REFERENCES workspace.users (workspace_id, id)"
    )


def _create_meeting_people() -> None:
    op.execute(
        """
        CREATE TABLE qualification.meeting_people (
            workspace_id UUID NOT NULL,
            meeting_id UUID NOT NULL,
            user_id UUID NOT NULL,
            CONSTRAINT pk_meeting_people PRIMARY KEY (workspace_id, meeting_id, user_id)
        )
        """
    )
    layout.place("qualification.meeting_people")
    op.execute(
        "CREATE INDEX ix_meeting_people_workspace_id_user_id"
        " ON qualification.meeting_people (workspace_id, user_id)"
    )
    op.execute(
        "ALTER TABLE qualification.meeting_people"
        " ADD CONSTRAINT fk_meeting_people_workspace_id_meeting_id"
        " FOREIGN KEY (workspace_id, meeting_id)"
        " REFERENCES qualification.meetings (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.meeting_people"
        " ADD CONSTRAINT fk_meeting_people_workspace_id_user_id"
        " FOREIGN KEY (workspace_id, user_id)"
        " REFERENCES workspace.users (workspace_id, id)"
    )


def _create_preparations() -> None:
    op.execute(
        """
        CREATE TABLE qualification.preparations (
            workspace_id UUID NOT NULL,
            meeting_id UUID NOT NULL,
            version INTEGER NOT NULL,
            checks JSONB NOT NULL,
            pre_call_questions JSONB NOT NULL,
            call_plan JSONB NOT NULL,
            agenda JSONB NOT NULL,
            sendings JSONB NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_preparations PRIMARY KEY (workspace_id, meeting_id)
        )
        """
    )
    layout.place("qualification.preparations")
    op.execute(
        "ALTER TABLE qualification.preparations"
        " ADD CONSTRAINT fk_preparations_workspace_id_meeting_id"
        " FOREIGN KEY (workspace_id, meeting_id)"
        " REFERENCES qualification.meetings (workspace_id, id)"
    )


def _create_meeting_reviews() -> None:
    op.execute(
        """
        CREATE TABLE qualification.meeting_reviews (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            meeting_id UUID NOT NULL,
            phase TEXT NOT NULL,
            reviewer_id UUID NOT NULL,
            subject TEXT NOT NULL,
            input TEXT,
            critiques JSONB NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            CONSTRAINT pk_meeting_reviews PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.meeting_reviews")
    op.execute(
        "CREATE INDEX ix_meeting_reviews_workspace_id_meeting_id_id"
        " ON qualification.meeting_reviews (workspace_id, meeting_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.meeting_reviews"
        " ADD CONSTRAINT fk_meeting_reviews_workspace_id_meeting_id"
        " FOREIGN KEY (workspace_id, meeting_id)"
        " REFERENCES qualification.meetings (workspace_id, id)"
    )
    op.execute(
        "ALTER TABLE qualification.meeting_reviews"
        " ADD CONSTRAINT fk_meeting_reviews_workspace_id_reviewer_id"
        " FOREIGN KEY (workspace_id, reviewer_id)"
        " REFERENCES workspace.users (workspace_id, id)"
    )


def _create_meeting_outcomes() -> None:
    op.execute(
        """
        CREATE TABLE qualification.meeting_outcomes (
            workspace_id UUID NOT NULL,
            meeting_id UUID NOT NULL,
            version INTEGER NOT NULL,
            state TEXT NOT NULL,
            content JSONB NOT NULL,
            readiness_percent SMALLINT NOT NULL,
            policy_version INTEGER NOT NULL,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            CONSTRAINT pk_meeting_outcomes PRIMARY KEY (workspace_id, meeting_id, version)
        )
        """
    )
    layout.place("qualification.meeting_outcomes")
    op.execute(
        "ALTER TABLE qualification.meeting_outcomes"
        " ADD CONSTRAINT fk_meeting_outcomes_workspace_id_meeting_id"
        " FOREIGN KEY (workspace_id, meeting_id)"
        " REFERENCES qualification.meetings (workspace_id, id)"
    )


def _create_moments() -> None:
    op.execute(
        """
        CREATE TABLE qualification.moments (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            meeting_id UUID NOT NULL,
            position SMALLINT NOT NULL,
            what TEXT NOT NULL,
            who TEXT,
            impact TEXT,
            occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_moments PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.moments")
    op.execute(
        "CREATE INDEX ix_moments_workspace_id_meeting_id"
        " ON qualification.moments (workspace_id, meeting_id)"
    )
    op.execute(
        "CREATE INDEX ix_moments_workspace_id_occurred_at_id"
        " ON qualification.moments (workspace_id, occurred_at, id)"
    )
    op.execute(
        "ALTER TABLE qualification.moments"
        " ADD CONSTRAINT fk_moments_workspace_id_meeting_id"
        " FOREIGN KEY (workspace_id, meeting_id)"
        " REFERENCES qualification.meetings (workspace_id, id)"
    )


def _create_meeting_answers() -> None:
    op.execute(
        """
        CREATE TABLE qualification.meeting_answers (
            workspace_id UUID NOT NULL,
            id UUID NOT NULL,
            meeting_id UUID NOT NULL,
            position SMALLINT NOT NULL,
            question_external_id TEXT,
            element TEXT NOT NULL,
            answer TEXT NOT NULL,
            score SMALLINT,
            contact_external_id TEXT,
            carried_to UUID,
            recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
            actor TEXT NOT NULL,
            CONSTRAINT pk_meeting_answers PRIMARY KEY (workspace_id, id)
        )
        """
    )
    layout.place("qualification.meeting_answers")
    op.execute(
        "CREATE INDEX ix_meeting_answers_workspace_id_meeting_id"
        " ON qualification.meeting_answers (workspace_id, meeting_id)"
    )
    op.execute(
        "ALTER TABLE qualification.meeting_answers"
        " ADD CONSTRAINT fk_meeting_answers_workspace_id_meeting_id"
        " FOREIGN KEY (workspace_id, meeting_id)"
        " REFERENCES qualification.meetings (workspace_id, id)"
    )
