"""A run's generator as files that other programs run: one file a format, and what all of them tell."""
