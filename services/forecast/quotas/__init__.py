"""Quotas of users for a quarter or a fiscal year; every one ever set is kept."""
