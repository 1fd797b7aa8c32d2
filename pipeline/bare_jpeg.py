"""Whether a JPEG holds its picture and nothing else."""

import re

TABLES = {0xDB, 0xC4, 0xC0}
"""Markers of what a decoder needs: quantisation, Huffman codes, the size of the picture."""
JFIF, SCAN, END = 0xE0, 0xDA, b"\xff\xd9"
JFIF_BYTES = 16
"""Of a JFIF header without a preview."""
MARKER = re.compile(rb"\xff[^\x00]")


def is_bare(data: bytes) -> bool:
    """Whether nothing stands there but one picture, whole: no EXIF, profile, comment or preview, nothing after its end.

    Pictures in several scans, and those in parts that can be decoded alone, are not looked into: they count as not
    bare.
    """
    at = 2
    while data[at : at + 1] == b"\xff" and len(data) > at + 4:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == SCAN:
            first = MARKER.search(data, at + 2 + length)
            return first is not None and first.group() == END and first.end() == len(data)
        is_plain_jfif = marker == JFIF and length == JFIF_BYTES and data[at + 4 : at + 9] == b"JFIF\0"
        if not (is_plain_jfif or marker in TABLES):
            return False
        at += 2 + length
    return False
