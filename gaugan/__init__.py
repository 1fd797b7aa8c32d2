"""Tensors in, a generator of pictures out."""
