"""Known issues: problems that come up again, their answers, and where they came up."""
