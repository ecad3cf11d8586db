"""API keys: made by operators, stored hashed, looked up by every service."""
