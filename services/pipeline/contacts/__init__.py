"""Contacts: the people at accounts, and what part they play in buying."""
