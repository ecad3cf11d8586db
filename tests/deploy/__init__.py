"""Tests of what containers are made of."""
