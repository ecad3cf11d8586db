"""Counts, amounts and ages per stage, and how deals convert and close."""
