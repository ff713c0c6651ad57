"""Counts by name, as snapshots have them."""

from __future__ import annotations

from typing import Any, NoReturn, TypeVar

__all__ = ["FrozenCounts"]

NameT = TypeVar("NameT", bound=str)


class FrozenCounts(dict[NameT, int]):
    """A ``dict`` that cannot be changed, as several may hold it; ``copy()`` returns one that can.

    Unlike a ``MappingProxyType``, it can be hashed, copied, pickled and written as JSON.
    """

    def _refuse(self, *_arguments: Any, **_named: Any) -> NoReturn:
        raise TypeError("these counts cannot be changed: change a copy(), which is a dict")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)
