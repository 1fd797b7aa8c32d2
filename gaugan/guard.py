"""Whether gradients may be learned from: a step that would ruin the weights is skipped, and counted."""

import math
from collections.abc import Mapping
from typing import Any

EXPLODES = 1000.0
"""Gradients this many times longer than the longest of late have exploded. A game swings by tens, not by thousands."""
FORGETS = 0.999
"""What the longest of late shrinks by a step: a thousand steps are remembered."""
NOTHING = 1e-6
"""Gradients no longer than this are sound, but no measure of others: a discriminator that has won gives none."""
RELENTS = 10.0
"""What the longest of late grows by when gradients are refused: a measure that was wrong is soon right, well before
`MOST_IN_A_ROW`, and an explosion is still too long."""
MOST_IN_A_ROW = 10
"""So many skipped steps in a row are no accident."""


class Guard:
    """Remembers how long gradients were, by optimizer, and how many steps were skipped.

    skipped: in all.    in_a_row: since the last step that was taken.
    """

    def __init__(self) -> None:
        self.longest: dict[str, float] = {}
        self.skipped = 0
        self.in_a_row = 0

    def admits(self, name: str, norm: float) -> bool:
        """Whether gradients of this length are sound."""
        longest = self.longest.get(name, 0.0)
        if not math.isfinite(norm):
            return False
        if longest and norm > EXPLODES * longest:
            self.longest[name] = RELENTS * longest
            return False
        if norm > NOTHING:
            self.longest[name] = max(norm, FORGETS * longest)
        return True

    def count(self, *, skipped: bool) -> None:
        """Count a step."""
        self.skipped += skipped
        self.in_a_row = self.in_a_row + 1 if skipped else 0

    @property
    def gives_up(self) -> bool:
        return self.in_a_row >= MOST_IN_A_ROW

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps; as JSON it comes back exactly."""
        return {"longest": dict(self.longest), "skipped": self.skipped, "in_a_row": self.in_a_row}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on where `state` was taken; an empty one knows nothing yet."""
        self.longest = dict(state.get("longest", {}))
        self.skipped, self.in_a_row = state.get("skipped", 0), state.get("in_a_row", 0)
