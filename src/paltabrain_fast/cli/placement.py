"""Installs downloaded files: all of them or none, without losing files that exist."""

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
    """The files cannot be installed there; the text is shown to the user."""


def check_target(target: Path, *, overwrite: bool) -> None:
    """Check that files may be installed in the directory ``target``.

    Args:
        target: the directory. It may be missing or empty.
        overwrite: whether it may also hold files.

    Raises:
        PlacementError: they may not.
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
    """Let ``write`` fill an empty directory, and move its content into ``target``.

    Files of the same names are replaced, others stay. If anything fails or interrupts this, all
    files of ``target`` are as before.

    Args:
        write: writes the files into the directory that it is given.
        target: the directory to install them in; it is created if it is missing.
        overwrite: see ``check_target``.

    Raises:
        PlacementError: see ``check_target``. Or replaced files could not be moved back; then the
            text says where they are.
        OSError: the files cannot be written or moved.
    """
    with _staging_at(target) as staging:
        new = staging / "new"
        new.mkdir()
        write(new)
        _check(target, overwrite, staging)  # again: it may have changed during the download
        if os.path.lexists(target):
            _merge(staging, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            new.rename(target)


@contextmanager
def _staging_at(target: Path) -> Iterator[Path]:
    """Create a temporary directory on the file system of ``target``; delete it afterwards.

    It is created in ``target``, which may be a mount point, or else in the nearest parent that
    exists. So a failure leaves no new parents behind. It is kept if it still holds replaced files.
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
    """Where the file that exists at the destination is moved to."""


def _moves(source: Path, destination: Path, aside: Path) -> Iterator[_Move]:
    for entry in sorted(source.iterdir()):
        move = _Move(entry, destination / entry.name, aside / entry.name)
        if entry.is_dir() and move.destination.is_dir():
            yield from _moves(*move)
        else:
            yield move


def _merge(staging: Path, target: Path) -> None:
    """Move ``staging/new`` into ``target``, and replaced files to ``staging/old``.

    If anything fails, everything is moved back.
    """
    old = staging / "old"
    old.mkdir()
    moves = list(_moves(staging / "new", target, old))
    try:
        for move in moves:
            move.aside.parent.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(move.destination):
                move.destination.rename(move.aside)
            move.source.rename(move.destination)
        old.rename(staging / "replaced")  # the commit point: nothing is moved back after it
    except BaseException:
        if old.exists():
            try:
                _undo(moves)
            except OSError as error:
                raise PlacementError(f"the old files are kept at {str(old)!r}: {error}") from error
        raise


def _undo(moves: list[_Move]) -> None:
    """Move everything back. An interrupt may come after any move, so look which were made."""
    for source, destination, aside in reversed(moves):
        if not os.path.lexists(source):
            destination.rename(source)
        if os.path.lexists(aside):
            aside.rename(destination)
