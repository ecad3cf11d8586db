"""Accounts: whom is sold to, in families, with the segment their size gives them."""
