"""Painting label maps: which maps, in which styles, at which size, and what is painted already."""
