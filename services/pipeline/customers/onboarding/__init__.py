"""Onboarding: the steps by which a subscription is taken into use, and who has done which."""
