"""Schema history, one Postgres schema per service. Migrations never import application code."""
