"""The migration this code was written for. `/readyz` wants the database to be there, or later: the
previous release must run on the next schema."""

HEAD = "0023"
