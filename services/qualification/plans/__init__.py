"""Command plans: overview, close plan, manager review; versioned and live."""
