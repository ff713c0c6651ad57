"""Config archives for the tests: a good one, and hostile or damaged ones by name."""

from __future__ import annotations

import io
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

INIT = b'"""Generated."""\nfrom paltabrain_sdk import BaseEvent  # "from paltabrain_sdk import"\n'
MESSAGES = b"DESCRIPTOR = None\n"
MODULE = {
    "__init__.py": INIT,
    "config_v2_pb2.py": MESSAGES,
    "config_v2_pb2.pyi": b"DESCRIPTOR: None\n",
}

Entry = tuple[str | zipfile.ZipInfo, bytes]


def archive(*extra: Entry, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a valid config archive with extra entries, whose names may be invalid."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as package, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about duplicate names
        for name, content in [*MODULE.items(), *extra]:
            package.writestr(name, content)
    return buffer.getvalue()


GOOD = archive()


def bare(files: dict[str, bytes]) -> bytes:
    """Return an archive of these files only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for name, content in files.items():
            package.writestr(name, content)
    return buffer.getvalue()


def _typed(name: str, file_type: int, content: bytes) -> bytes:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3  # Unix, whose modes stand in the upper half
    entry.external_attr = (file_type | 0o777) << 16
    return archive((entry, content))


def _renamed(name: bytes) -> bytes:
    """Return an archive with an entry name that ``zipfile`` would not write."""
    return archive(("x" * len(name), b"evil")).replace(b"x" * len(name), name)


def _central(patch: Callable[[bytearray, int], None]) -> bytes:
    """Return a valid archive whose last central directory record is patched."""
    data = bytearray(archive(("last.py", b"x = 1\n" * 1000)))
    patch(data, data.rindex(b"PK\x01\x02"))
    return bytes(data)


def _flags(value: int) -> bytes:
    def patch(data: bytearray, record: int) -> None:
        local = data.rindex(b"PK\x03\x04")
        struct.pack_into("<H", data, local + 6, value)
        struct.pack_into("<H", data, record + 8, value)

    return _central(patch)


def _declared_size(size: int) -> bytes:
    return _central(lambda data, record: struct.pack_into("<I", data, record + 24, size))


def _offset(offset: int) -> bytes:
    """Return an archive whose last entry lies outside, by its ZIP64 extra field (APPNOTE 4.5.3)."""
    entry = zipfile.ZipInfo("far.py")
    entry.extra = struct.pack("<HHQ", 0xFFFF, 8, offset)  # an id that zipfile leaves alone
    data = bytearray(archive((entry, b"")))
    record = data.rindex(b"PK\x01\x02")
    struct.pack_into("<I", data, record + 42, 0xFFFFFFFF)
    struct.pack_into("<H", data, record + 46 + len("far.py"), 1)
    return bytes(data)


def _method(method: int) -> bytes:
    return _central(lambda data, record: struct.pack_into("<H", data, record + 10, method))


def _crc_error() -> bytes:
    data = bytearray(archive(("data.bin", b"stored content"), method=zipfile.ZIP_STORED))
    data[data.index(b"stored content")] ^= 1
    return bytes(data)


BOMB = b"\0" * (33 * 1024 * 1024)

HOSTILE = {
    "parent": (archive(("../evil.py", b"")), "unsafe name"),
    "parent inside": (archive(("a/../../evil.py", b"")), "unsafe name"),
    "parent as directory": (archive(("../", b"")), "unsafe name"),
    "absolute": (archive(("/tmp/evil.py", b"")), "unsafe name"),
    "two slashes": (archive(("//host/evil.py", b"")), "unsafe name"),
    "drive": (archive(("C:/evil.py", b"")), "unsafe name"),
    "drive-relative": (archive(("C:evil.py", b"")), "unsafe name"),
    "backslash": (_renamed(b"..\\evil.py"), "unsafe name"),
    "stream": (archive(("evil.py:x", b"")), "unsafe name"),
    "NUL": (_renamed(b"evil.py\0xxxxxxx"), "unsafe name"),
    "newline": (archive(("evil\n.py", b"")), "unsafe name"),
    "final newline": (archive(("evil.py\n", b"")), "unsafe name"),
    "trailing dot": (archive(("__init__.py.", b"")), "unsafe name"),
    "hidden": (archive((".pth", b"")), "unsafe name"),
    "long": (archive(("a" * 60_000, b"")), "unsafe name"),
    "symlink": (_typed("link.py", stat.S_IFLNK, b"/etc/passwd"), "no regular file"),
    "symlink as directory": (_typed("link/", stat.S_IFLNK, b"/etc"), "no regular file"),
    "fifo": (_typed("pipe.py", stat.S_IFIFO, b""), "no regular file"),
    "device": (_typed("zero.py", stat.S_IFCHR, b""), "no regular file"),
    "directory as file": (_typed("dir.py", stat.S_IFDIR, b""), "no regular file"),
    "duplicate": (archive(("__init__.py", b"evil = 1\n")), "same name"),
    "file below file": (archive(("__init__.py/evil.py", b"")), "same name"),
    "file below file, deeper": (archive(("__init__.py/a/evil.py", b"")), "same name"),
    "file over directory": (archive(("a/b.py", b""), ("a", b"")), "same name"),
    "encrypted": (_flags(0x1), "has an encrypted entry"),
    "unknown compression": (_method(97), "unknown compression"),
    "lzma": (archive(method=zipfile.ZIP_LZMA), "unknown compression"),
    "patched data": (_flags(0x20), "damaged"),
    "bomb": (archive(("zero.bin", BOMB)), "more than 33554432 bytes"),
    "bomb of parts": (
        archive(*((f"{part}.bin", BOMB[: 4 << 20]) for part in range(9))),
        "more than 33554432 bytes",
    ),
    "declared too large": (_declared_size(0xFFFFFFF0), "more than 33554432 bytes"),
    "declared too small": (_declared_size(10), "damaged"),
    "declared larger": (_declared_size(10_000), "cut short"),
    "far outside": (_offset(1 << 40), "damaged"),
    "beyond any file": (_offset((1 << 64) - 1), "damaged"),
    "too many": (archive(*((f"f{n}.py", b"") for n in range(1000))), "more than 1000 entries"),
    "wrong checksum": (_crc_error(), "damaged"),
    "truncated": (GOOD[:-30], "not a ZIP"),
    "no ZIP": (b"<html>Welcome to the hotel's network</html>", "not a ZIP"),
    "nothing": (b"", "not a ZIP"),
    "no files": (bare({}), "no __init__.py"),
    "no package": (bare({"config_v2_pb2.py": MESSAGES}), "no __init__.py"),
    "package in a directory": (
        bare({f"sdk/{name}": content for name, content in MODULE.items()}),
        "no __init__.py",
    ),
    "directory for a file": (
        bare({"__init__.py/": b"", "config_v2_pb2.py": MESSAGES}),
        "no __init__.py",
    ),
    "no messages": (bare({"__init__.py": INIT}), "no config_v2_pb2.py"),
    "not Python": (archive(("extra.py", b"<html>")), "not valid Python in the archive: extra.py: "),
    "NULs in Python": (
        archive(("extra.py", b"x = 1\0")),
        "not valid Python in the archive: extra.py: ",
    ),
}
"""Archive and a part of its error, by name of the case."""


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content, or target of a link, of everything in a directory, by path."""
    return {
        str(path.relative_to(directory)): (path.lstat().st_mode, _content(path))
        for path in sorted(directory.rglob("*"))
    }


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return bytes(path.readlink())
    return path.read_bytes() if path.is_file() else b""
