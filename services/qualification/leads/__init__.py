"""Leads: people who may become buyers, who holds them and how far they are."""
