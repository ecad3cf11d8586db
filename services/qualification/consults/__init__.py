"""Opportunity consults and their critique."""
