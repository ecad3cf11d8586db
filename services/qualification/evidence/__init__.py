"""MEDDPPICC: what is known about an opportunity, element by element, and how surely."""
