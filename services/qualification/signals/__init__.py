"""Signals of interest, the score they make, and when a lead is marketing or product qualified."""
