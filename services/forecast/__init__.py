"""Net ARR figures: a ledger of what every event did to them, and its sums read four ways."""
