"""Special cases of Net ARR and of booking: ramps, resets, mergers, returns, approvals."""
