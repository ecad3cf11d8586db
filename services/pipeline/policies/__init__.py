"""Policies over HTTP, and what a new one would do to the records."""
