"""Imports: files of another system turned into records, by the rules of a mapping."""
