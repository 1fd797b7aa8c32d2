"""What a method says of one step that it has learned from."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """One step.    losses: weighted means over the batch, by name; scalars without graph.

    signs: what tells whether the game is well: `verdict_real` and `verdict_fake`, the mean judgement of photos and of
    pictures, above 0 for real; `saturated` and `photos_saturated`, the share of their values next to -1 and 1;
    `spread`, how much the pictures of a batch differ, as a share of how much its photos do, where it has several.
    skipped: names of the optimizers that took no step, as their gradients were no use.
    """

    losses: dict[str, Tensor]
    signs: dict[str, Tensor] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()
