"""Random numbers that are a function of a seed and of what they are for."""

import hashlib

import torch


def generator(seed: int, *place: str | int) -> torch.Generator:
    """A generator, on the CPU, for one place of a run; near seeds and places give unlike numbers."""
    digest = hashlib.blake2b(repr((seed, *place)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") >> 1)
