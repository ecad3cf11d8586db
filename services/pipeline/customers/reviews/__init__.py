"""Reviews of accounts before their renewals."""
