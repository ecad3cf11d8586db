"""Workspaces: the tenants. Made by operators, never by requests of another tenant."""
