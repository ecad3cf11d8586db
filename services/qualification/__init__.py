"""Leads, the acceptance test and the hand-over of accepted leads to pipeline."""
