"""The catalogue of what can be sent to a lead, by use case, persona and buyer stage."""
