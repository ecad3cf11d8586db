"""Tests: through the real door, on a real Postgres and a real Valkey, with time under control."""
