"""Makes this package importable under the name ``paltabrain_sdk``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.abc import Loader
else:  # which would import pathlib, tempfile and much more
    Loader = object

__all__ = ["install_as_paltabrain_sdk", "install_fallback"]

_ALIAS: Final = "paltabrain_sdk"
_PACKAGE: Final = __package__ or "paltabrain_fast"


class _Loader(Loader):
    """Imports a module of this package in place of the one of ``paltabrain_sdk``."""

    def create_module(self, spec: ModuleSpec) -> None:
        """Let the import system make an empty module; ``exec_module()`` replaces it."""

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        sys.modules[name] = importlib.import_module(_PACKAGE + name.removeprefix(_ALIAS))


class _Finder:
    """Finds ``paltabrain_sdk`` and its submodules in this package.

    Attributes:
        wins: whether it does so even if another ``paltabrain_sdk`` is installed.
    """

    wins = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == _ALIAS:
            if not self.wins and self._is_installed(path, target):
                return None
            return ModuleSpec(fullname, _Loader(), is_package=True)
        parent, _, _ = fullname.rpartition(".")
        if not fullname.startswith(f"{_ALIAS}.") or sys.modules.get(parent) is not sys.modules.get(
            _PACKAGE + parent.removeprefix(_ALIAS)
        ):
            return None
        if importlib.util.find_spec(_PACKAGE + fullname.removeprefix(_ALIAS)) is None:
            return None
        return ModuleSpec(fullname, _Loader())

    def _is_installed(self, path: Sequence[str] | None, target: ModuleType | None) -> bool:
        """Tell whether another ``paltabrain_sdk`` can be imported.

        A plain directory of that name on the path, a namespace package, does not count.
        """
        specs = (
            finder.find_spec(_ALIAS, path, target)
            for finder in sys.meta_path
            if finder is not self and hasattr(finder, "find_spec")
        )
        return any(spec is not None and spec.origin is not None for spec in specs)


_finder: Final = _Finder()


def install_fallback() -> None:
    """Make ``import paltabrain_sdk`` give this package if no other ``paltabrain_sdk`` is installed.

    Whether one is installed is checked when ``paltabrain_sdk`` is imported, not now: an installed
    one always wins. ``import paltabrain_fast`` calls this function, unless the environment variable
    ``PALTABRAIN_SDK_NO_ALIAS`` is ``1``.
    """
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def install_as_paltabrain_sdk() -> None:
    """Make ``import paltabrain_sdk`` give this package, even if another one is installed.

    Call it before the config module is imported. Modules that have imported classes from the other
    package keep those.
    """
    install_fallback()
    _finder.wins = True
    for name in [name for name in sys.modules if name.partition(".")[0] == _ALIAS]:
        del sys.modules[name]
