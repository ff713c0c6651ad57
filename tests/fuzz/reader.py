"""Reads numbers, choices and texts from the bytes of an input; past its end, it reads zeros."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Reader:
    """Reads values from bytes, always the same from the same bytes.

    Each value takes as few whole bytes as it needs. So when the fuzzer changes one byte, the case
    changes little.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self, size: int) -> int:
        """Read an unsigned integer of ``size`` bytes."""
        found = self._data[self._at : self._at + size]
        self._at += size
        return int.from_bytes(found, "little")

    def signed(self, size: int) -> int:
        """Read a signed integer of ``size`` bytes."""
        return self.number(size) - (1 << (8 * size - 1))

    def below(self, limit: int) -> int:
        """Read an integer from 0 to ``limit - 1``; ``limit`` is at most 65,536."""
        return self.number(1 if limit <= 256 else 2) % limit

    def choice(self, candidates: Sequence[T]) -> T:
        return candidates[self.below(len(candidates))]

    def text(self) -> str:
        """Read a text of up to 15 characters, which may be surrogates."""
        size = self.below(3) + 1
        return "".join(chr(self.number(size) % 0x110000) for _ in range(self.below(16)))
