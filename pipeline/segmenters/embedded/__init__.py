"""The segmenter that ships with the package: its network, its weights, their card, and what trained them."""
