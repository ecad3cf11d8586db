"""The demo: its plan alone, and its load through a real gateway and worker."""
