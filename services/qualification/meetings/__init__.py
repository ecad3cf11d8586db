"""Meetings: whom one meets, how one prepares, what was learnt."""
