"""One file a migration, in order: expand, backfill, contract in separate releases."""
