"""Territories: organisations, their divisions and colours, and how they buy."""
