"""What is kept of work that is done later: timers, and how far followers of the feed have come."""
