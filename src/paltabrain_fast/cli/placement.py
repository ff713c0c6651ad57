"""Puts downloaded files in place: all of them, or none, and never at the cost of what is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..errors import PaltabrainError

__all__ = ["PlacementError", "check_target", "place"]


class PlacementError(PaltabrainError):
    """The files cannot be put there; the text is for the user."""


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise ``PlacementError`` unless files may be put into the directory ``target``.

    It may be missing or empty; or hold anything, with ``overwrite``.
    """
    _check(target, overwrite, staging=None)


def _check(target: Path, overwrite: bool, staging: Path | None) -> None:
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise PlacementError(f"{str(target)!r} is not a directory: not overwritten")
    if not overwrite and any(entry != staging for entry in target.iterdir()):
        raise PlacementError(
            f"{str(target)!r} exists and is not empty: give --overwrite to replace files in it"
        )


def place(write: Callable[[Path], None], target: Path, *, overwrite: bool) -> None:
    """Have ``write`` fill an empty directory, and put what it wrote into ``target``.

    Files of the same names are replaced, others stay. Whatever fails or interrupts this, all is as
    before.

    Raises:
        PlacementError: see ``check_target``; or what was there could not be put back: then the text
            says where it is kept.
        OSError: the files cannot be put there.
    """
    with _staging_at(target) as staging:
        new = staging / "new"
        new.mkdir()
        write(new)
        _check(target, overwrite, staging)  # again: much may have happened meanwhile
        if os.path.lexists(target):
            _merge(staging, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            new.rename(target)


@contextmanager
def _staging_at(target: Path) -> Iterator[Path]:
    """Make a directory on the file system of ``target``, and delete it with all that is in it.

    It lies in ``target``, or else in the nearest parent that exists: no failure leaves parents
    behind, and ``target`` may be a mount point.
    """
    parent = next(path for path in (target, *target.parents) if path.is_dir())
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=parent))
    try:
        yield staging
    finally:
        if not any(not path.is_dir() or path.is_symlink() for path in (staging / "old").rglob("*")):
            shutil.rmtree(staging, ignore_errors=True)


class _Move(NamedTuple):
    source: Path
    destination: Path
    aside: Path
    """Where goes what stood at the destination."""


def _moves(source: Path, destination: Path, aside: Path) -> Iterator[_Move]:
    for entry in sorted(source.iterdir()):
        move = _Move(entry, destination / entry.name, aside / entry.name)
        if entry.is_dir() and move.destination.is_dir():
            yield from _moves(*move)
        else:
            yield move


def _merge(staging: Path, target: Path) -> None:
    """Move ``staging/new`` into ``target``; what it replaces goes to ``staging/old``, or back."""
    old = staging / "old"
    old.mkdir()
    moves = list(_moves(staging / "new", target, old))
    try:
        for move in moves:
            move.aside.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(move.destination):
                move.destination.rename(move.aside)
            move.source.rename(move.destination)
        old.rename(staging / "replaced")  # from here on, all of it is done
    except BaseException:
        if old.exists():
            try:
                _undo(moves)
            except OSError as error:
                raise PlacementError(f"the old files are kept at {str(old)!r}: {error}") from error
        raise


def _undo(moves: list[_Move]) -> None:
    """Take all moves back; ask the disk which were made, an interrupt may strike after each."""
    for source, destination, aside in reversed(moves):
        if not os.path.lexists(source):
            destination.rename(source)
        if os.path.lexists(aside):
            aside.rename(destination)
