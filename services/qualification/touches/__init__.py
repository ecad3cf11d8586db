"""Touches of a lead, the cadence they keep, and the catalogue of resources they bring."""
