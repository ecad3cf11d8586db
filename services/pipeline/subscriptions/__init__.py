"""Subscriptions: what accounts have bought and until when, which is when a renewal is due."""
