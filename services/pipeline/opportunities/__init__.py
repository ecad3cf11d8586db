"""Opportunities: their stages, gates, Net ARR and every version they went through."""
