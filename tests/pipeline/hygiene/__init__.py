"""Tests of hygiene: rules, the findings kept, and what is told of them."""
