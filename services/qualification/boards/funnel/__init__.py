"""The funnel: how many leads took each step to a won deal, at which rate and how fast."""
