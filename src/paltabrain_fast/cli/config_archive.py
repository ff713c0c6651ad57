"""Unpacks a downloaded config archive into the files of a Python package, safely."""

from __future__ import annotations

import ast
import io
import re
import stat
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Final

from ..errors import PaltabrainError

__all__ = ["REQUIRED_FILES", "ArchiveError", "point_imports_at", "unpack"]

REQUIRED_FILES: Final = ("__init__.py", "config_v2_pb2.py")
"""Files that every config module has at its root."""

_MAX_ENTRIES: Final = 1000
_MAX_NAME_LENGTH: Final = 200
_MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024
_CHUNK_BYTES: Final = 64 * 1024
_TOO_LARGE: Final = f"the archive unpacks to more than {_MAX_UNPACKED_BYTES} bytes"

# Names that files of a package have. This excludes parent directories, absolute paths, drive
# letters, backslashes, NULs, and trailing dots, which Windows drops.
_PART: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_PART}(?:/{_PART})*/?")

_ENCRYPTED: Final = 0x1  # general purpose flag, APPNOTE 4.4.4

# Exceptions that zipfile is known to raise on damaged input.
_ZIP_ERRORS: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OverflowError,
    RuntimeError,
    ValueError,
)

_IMPORT: Final = re.compile(rb"from(?:[ \t\f]|\\\r?\n)+(paltabrain_sdk)\b")
_BOM: Final = b"\xef\xbb\xbf"


class ArchiveError(PaltabrainError):
    """The archive is damaged, hostile, or not a config module.

    Attributes:
        problem: what is wrong, in our words.
        detail: the part of the text that comes from the archive; it may hold anything.
    """

    def __init__(self, problem: str, detail: str = "") -> None:
        super().__init__(problem + detail)
        self.problem = problem
        self.detail = detail


def unpack(archive: bytes, directory: Path) -> None:
    """Write the files of a ZIP archive into the empty ``directory``.

    File modes and times of the archive are ignored: all files are regular ones, with the default
    mode of this process. On an error, some of the files may have been written.

    Raises:
        ArchiveError: the archive is refused.
        OSError: the files cannot be written.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as package:
            _check_entries(package.infolist())
            _extract(package, directory)
    except (FileExistsError, NotADirectoryError):
        raise ArchiveError("two entries of the archive have the same name") from None
    except _ZIP_ERRORS as error:
        raise ArchiveError("not a ZIP archive, or a damaged one: ", str(error)) from error
    for name in REQUIRED_FILES:
        if not (directory / name).is_file():
            raise ArchiveError(f"the archive holds no config module: no {name} at its root")
    for source in sorted(directory.rglob("*.py")):
        _check_source(source, source.relative_to(directory).as_posix())


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > _MAX_ENTRIES:
        raise ArchiveError(f"the archive has more than {_MAX_ENTRIES} entries")
    if sum(entry.file_size for entry in entries) > _MAX_UNPACKED_BYTES:
        raise ArchiveError(_TOO_LARGE)
    for entry in entries:
        # `filename` is cut at the first NUL; `orig_filename` is not.
        name = entry.orig_filename
        file_type = stat.S_IFMT(entry.external_attr >> 16)  # 0: the archiver recorded none
        if len(name) > _MAX_NAME_LENGTH or not _NAME.fullmatch(name):
            raise ArchiveError("the archive has an entry with an unsafe name: ", repr(name[:100]))
        if file_type not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
            raise ArchiveError("the archive has an entry that is no regular file: ", repr(name))
        if entry.flag_bits & _ENCRYPTED:
            raise ArchiveError("the archive has an encrypted entry: ", repr(name))
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ArchiveError("the archive has an entry of unknown compression: ", repr(name))


def _extract(package: zipfile.ZipFile, directory: Path) -> None:
    # The declared sizes may be wrong, so the bytes that were read are counted.
    room = _MAX_UNPACKED_BYTES
    for entry in package.infolist():
        path = directory / entry.filename
        if entry.is_dir():
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with package.open(entry) as source, path.open("xb") as sink:
            while chunk := source.read(_CHUNK_BYTES):
                room -= len(chunk)
                if room < 0:
                    raise ArchiveError(_TOO_LARGE)
                sink.write(chunk)
            if sink.tell() != entry.file_size:  # zipfile checks only the end and the checksum
                raise ArchiveError(
                    "a damaged archive, this entry is cut short: ", repr(entry.filename)
                )


def _check_source(path: Path, name: str) -> None:
    """Check that a source file is valid Python, by compiling it; it is not run."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(path.read_bytes(), name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ArchiveError("not valid Python in the archive: ", f"{name}: {error}") from error


def point_imports_at(package: str, source: bytes) -> bytes | None:
    """Make each ``from paltabrain_sdk import ...`` import from ``package`` instead.

    Only the name of the module in these statements changes. Strings, comments, line ends and
    encoding stay as they are.

    Returns:
        The changed source; ``None`` if it has no such statement.

    Raises:
        SyntaxError: ``source`` is not valid Python.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    starts = [
        (node.lineno, node.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module, node.level) == ("paltabrain_sdk", 0)
    ]
    bom, body = (_BOM, source[len(_BOM) :]) if source.startswith(_BOM) else (b"", source)
    lines = body.splitlines(keepends=True)  # bytes: split only where Python's tokenizer does
    changed = False
    for line, column in sorted(starts, reverse=True):  # from the end: positions stay valid
        head, rest = lines[: line - 1], b"".join(lines[line - 1 :])
        match = _IMPORT.match(rest, column)
        if match:
            rest = rest[: match.start(1)] + package.encode() + rest[match.end(1) :]
            lines = [*head, rest]
            changed = True
    return bom + b"".join(lines) if changed else None
