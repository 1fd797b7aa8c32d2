"""SPADE: a generator that paints a label map, and the networks and losses that teach it."""
