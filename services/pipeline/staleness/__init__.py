"""Clocks that run against opportunities: stale deals, late renewals, waiting acceptance."""
