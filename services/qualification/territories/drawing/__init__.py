"""Drawing the usage map as a picture and as a page, with the standard library alone."""
