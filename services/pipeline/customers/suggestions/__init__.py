"""Suggestions: what use says about a renewal at risk or a chance to grow, and the decision on it."""
