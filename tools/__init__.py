"""Developers' tools: the house rules as checks. Not part of the product."""
