"""Users and reporting lines: who owns records, and who reports to whom from when."""
