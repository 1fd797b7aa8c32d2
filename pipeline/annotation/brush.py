"""Label Studio's brush masks: run lengths packed into bits, of pictures of four channels; the last one is the mask.

A mask is a head of 53 bits, then blocks. The head: the number of values (32 bits), the bits of a value less one (5),
and the bits of each of four kinds of count, less one (4 each). A block: one bit, 1 where a value repeats; two bits, the
kind of count; the count less one; and then the value, once or as often as counted.
"""

import numpy as np

from pipeline.errors import PhotoError

VALUE_BITS = 8
COUNT_BITS = (3, 4, 8, 16)
CHANNELS = 4
"""Red, green, blue and opacity: each pixel's opacity is its place in the mask."""
INSIDE = 128
"""From this opacity on a pixel belongs to the mask: brushes have soft edges there."""


def encode(mask: np.ndarray) -> list[int]:
    """The bytes of a mask.    mask: (H, W) bool."""
    flat = mask.ravel()
    ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
    lengths = np.diff(ends, prepend=0) * CHANNELS
    values = np.where(flat[ends - 1], 255, 0)

    # A run that no count can hold is as many full ones, and the rest.
    most = 1 << COUNT_BITS[-1]
    pieces = -(-lengths // most)
    last = lengths - (pieces - 1) * most
    values = np.repeat(values, pieces)
    counts = np.full(pieces.sum(), most)
    counts[np.cumsum(pieces) - 1] = last

    kinds = np.searchsorted([1 << bits for bits in COUNT_BITS], counts)
    bits = np.array(COUNT_BITS)[kinds]
    blocks = ((((1 << 2 | kinds) << bits) | (counts - 1)) << VALUE_BITS) | values
    head = [(flat.size * CHANNELS, 32), (VALUE_BITS - 1, 5), *((one - 1, 4) for one in COUNT_BITS)]
    numbers = np.concatenate([[number for number, _ in head], blocks])
    widths = np.concatenate([[width for _, width in head], 3 + bits + VALUE_BITS])
    return _packed(numbers, widths).tolist()


def decode(data: list[int], height: int, width: int) -> np.ndarray:
    """The mask of a picture of this size: (H, W) bool.

    Raises: PhotoError when the bytes are no mask, or one of another size.
    """
    wanted = height * width * CHANNELS
    try:
        raw = bytes(data)
    except (TypeError, ValueError):
        raise PhotoError("has an rle that is no list of bytes") from None
    bits = _Bits(raw)
    count, value_bits = bits.take(32), bits.take(5) + 1
    count_bits = [bits.take(4) + 1 for _ in COUNT_BITS]
    if count != wanted:
        raise PhotoError(f"has an rle of {count:,} values; a picture of {width}x{height} has {wanted:,}")
    if value_bits > VALUE_BITS:
        raise PhotoError(f"has an rle whose values have {value_bits} bits, at most {VALUE_BITS} are read")
    values = np.zeros(wanted, dtype=np.uint8)
    at = 0
    while at < wanted:
        is_run, kind = bits.take(1), bits.take(2)
        length = min(bits.take(count_bits[kind]) + 1, wanted - at)
        values[at : at + length] = bits.take(value_bits) if is_run else bits.take_many(length, value_bits)
        at += length
    return values.reshape(height, width, CHANNELS)[..., CHANNELS - 1] >= INSIDE


class _Bits:
    """Numbers of so many bits each, one after another, the highest bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, bits: int) -> int:
        start, end = self._at, self._at + bits
        if end > 8 * len(self._data):
            raise PhotoError("has an rle that breaks off")
        self._at = end
        piece = int.from_bytes(self._data[start // 8 : -(-end // 8)], "big")
        return piece >> (-end % 8) & ((1 << bits) - 1)

    def take_many(self, count: int, bits: int) -> np.ndarray:
        """(count,) uint8."""
        start, end = self._at, self._at + count * bits
        if end > 8 * len(self._data):
            raise PhotoError("has an rle that breaks off")
        self._at = end
        piece = np.frombuffer(self._data[start // 8 : -(-end // 8)], dtype=np.uint8)
        unpacked = np.unpackbits(piece)[start % 8 :][: count * bits].reshape(count, bits)
        return unpacked @ (1 << np.arange(bits)[::-1]).astype(np.uint8)


def _packed(numbers: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Numbers of so many bits each, packed into bytes, zeros at the end."""
    ends = np.cumsum(widths)
    owners = np.repeat(np.arange(len(widths)), widths)
    places = ends[owners] - 1 - np.arange(ends[-1])
    return np.packbits((numbers[owners] >> places & 1).astype(np.uint8))
