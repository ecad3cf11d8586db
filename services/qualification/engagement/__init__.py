"""Engagement activities: how a point of entry is made, and what each brought."""
