"""What makes a label map of a photo: one file a family of segmenters, and a registry that opens them by name."""
