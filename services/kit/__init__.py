"""Technical plumbing shared by every service. No word of the sales domain may appear here."""
