"""Reads decisions from bytes, the same on every run; past the end there are only zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Reader:
    """Bytes as a source of decisions.

    Each takes whole bytes, and as few as it needs, so that a change of one byte is a small change
    of the case.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, size: int) -> int:
        """An unsigned integer of ``size`` bytes."""
        found = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(found, "little")

    def signed(self, size: int) -> int:
        """A signed integer of ``size`` bytes."""
        return self.number(size) - (1 << (8 * size - 1))

    def below(self, limit: int) -> int:
        """An integer from 0 to below ``limit``, which may be 65,536 at most."""
        return self.number(1 if limit <= 256 else 2) % limit

    def choice(self, candidates: Sequence[T]) -> T:
        return candidates[self.below(len(candidates))]

    def text(self) -> str:
        """Text of up to 15 characters of 1, 2 or 3 bytes each, surrogates among them."""
        size = self.below(3) + 1
        return "".join(chr(self.number(size) % 0x110000) for _ in range(self.below(16)))
