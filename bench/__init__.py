"""Benchmarks that print ratios measured in one run, each beside the bar it is held to."""
