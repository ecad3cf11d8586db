"""Audits: the figures worked out from scratch, compared with the ledger; it changes no figure."""
