"""Accounts after the sale: usage phases, success plans, champions, onboarding, life cycle."""
