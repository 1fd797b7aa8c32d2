"""Label maps to the tools in which people annotate, and back: what was painted there is taken as corrected."""
