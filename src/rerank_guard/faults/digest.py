"""A number of its own for each text."""

from __future__ import annotations

from zlib import crc32

__all__ = ["digest"]


def digest(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return crc32(text.encode()) / 2**32
