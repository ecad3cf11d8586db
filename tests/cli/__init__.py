"""Tests of the command `leadline`."""
