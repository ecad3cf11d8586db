"""What became of subscriptions: each change of what was bought, beside what it was before."""
