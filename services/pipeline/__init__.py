"""Accounts, opportunities and their history: the record of what is being sold, and the outbox."""
