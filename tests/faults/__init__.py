"""Faults that must lose nothing and double nothing: after each, figures equal the reference."""
