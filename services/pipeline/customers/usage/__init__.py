"""Use: dated measurements of what is used of a subscription."""
