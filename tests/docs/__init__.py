"""The documents are code: what they show is run."""
