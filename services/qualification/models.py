"""Tables of the qualification service (schema `qualification`). No behaviour lives here."""
