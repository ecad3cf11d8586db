"""The qualification service, through HTTP."""
