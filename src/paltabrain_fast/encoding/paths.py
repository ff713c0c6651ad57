"""Explores the paths of code that is executed symbolically: each outcome of each truth test.

The code runs on symbolic values (see ``symbolic``), of which nobody knows whether they are true. So
it is run once for each combination of outcomes of its truth tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

__all__ = ["DISTINCT_GROUPS", "PathExplorer", "RefusedError"]

_MAX_PATHS: Final = 64
_MAX_TESTS: Final = 10_000

DISTINCT_GROUPS: Final = 2
"""Number of groups whose truth tests have outcomes of their own.

All further groups share the outcomes of one, so that the number of paths stays small.
"""


class RefusedError(Exception):
    """The code does something that generated code does not need; the text says what."""


class PathExplorer:
    """Decides how truth tests come out, and collects what the present path does.

    Not thread-safe: one explorer for each method that is recognised.

    Attributes:
        messages: each ``SymbolicMessage`` that the present path has made.
        max_fields: number of fields of the largest message that the code may use.
    """

    def __init__(self) -> None:
        self.max_fields = DISTINCT_GROUPS + 1
        self._begin([])

    def _begin(self, outcomes: list[bool]) -> None:
        self._outcomes = outcomes  # of the first tests; all later tests come out true
        self._answers: dict[object, bool] = {}  # by what was tested, in the order of the tests
        self._tests = 0
        self.messages: list[Any] = []

    def paths(self) -> Iterator[None]:
        """Begin one path after another, until every outcome of every test has been tried.

        Depth first: the next path differs from the last one in its last true outcome, which becomes
        false.

        Raises:
            RefusedError: there are more than 64 paths.
        """
        for _ in range(_MAX_PATHS):
            yield
            outcomes = list(self._answers.values())
            while outcomes and not outcomes[-1]:
                outcomes.pop()
            if not outcomes:
                return
            self._begin([*outcomes[:-1], False])
        raise RefusedError("it has too many branches")

    def is_true(self, subject: object) -> bool:
        """Return the outcome of a truth test; within a path it is always the same.

        Args:
            subject: what is tested, by equality.

        Raises:
            RefusedError: this path has made more than 10,000 tests, perhaps in an endless loop.
        """
        self._tests += 1
        if self._tests > _MAX_TESTS:
            raise RefusedError("it has too many branches")
        if subject not in self._answers:
            number = len(self._answers)
            self._answers[subject] = number >= len(self._outcomes) or self._outcomes[number]
        return self._answers[subject]

    def is_false(self, subject: object) -> bool:
        """Tell whether the present path has tested the subject and found it false."""
        return not self._answers.get(subject, True)
