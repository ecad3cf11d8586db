"""The acceptance test of leads, and the conversion of those that pass it to opportunities."""
