"""Properties: random stories against small reference models."""
