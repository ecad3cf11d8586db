"""Leads that are the same person, found and merged without loss."""
