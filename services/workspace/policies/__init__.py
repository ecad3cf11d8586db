"""Policies: thresholds and maps as versioned, effective-dated data."""
