"""Config archives: what is unpacked, what is refused, and how imports are changed."""

from __future__ import annotations

import contextlib
import random
import stat
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paltabrain_fast.cli.config_archive import ArchiveError, point_imports_at, unpack

from ..support.probe import archive_entries_unchecked
from .archives import BOMB, GOOD, HOSTILE, MODULE, archive, tree


def test_unpacks_every_file(tmp_path: Path) -> None:
    unpack(archive(("inner/", b""), ("inner/deep/data.txt", b"text"), ("py.typed", b"")), tmp_path)
    files = {name: content for name, (mode, content) in tree(tmp_path).items() if mode & 0o100000}
    assert files == {**MODULE, "inner/deep/data.txt": b"text", "py.typed": b""}


def test_modes_of_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("setuid.py")
    entry.create_system = 3
    entry.external_attr = (stat.S_IFREG | 0o6777) << 16
    ordinary = tmp_path / "ordinary"
    ordinary.touch()
    unpacked = tmp_path / "module"
    unpacked.mkdir()
    unpack(archive((entry, b"")), unpacked)
    assert (unpacked / "setuid.py").stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize(("data", "problem"), HOSTILE.values(), ids=HOSTILE)
def test_refuses(data: bytes, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=problem):
        unpack(data, tmp_path)


@archive_entries_unchecked()
def test_counts_what_it_reads(tmp_path: Path) -> None:
    """The sizes that the archive declares may be wrong."""
    with pytest.raises(ArchiveError, match="more than 33554432 bytes"):
        unpack(archive(("zero.bin", BOMB)), tmp_path)
    assert sum(len(content) for _, content in tree(tmp_path).values()) <= 33_554_432


@settings(max_examples=300, deadline=None)
@given(seed=st.randoms(use_true_random=False), edits=st.integers(1, 8))
def test_damage_gives_no_other_error(
    seed: random.Random, edits: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray(GOOD)
    for _ in range(edits):
        data[seed.randrange(len(data))] = seed.randrange(256)
    root = tmp_path_factory.mktemp("damage")
    module = root / "module"
    module.mkdir()
    size = seed.choice([len(data), seed.randrange(len(data))])
    with contextlib.suppress(ArchiveError):
        unpack(bytes(data[:size]), module)
    assert list(root.iterdir()) == [module]


IMPORTS = {
    "one line": (
        b"from paltabrain_sdk import BaseEvent, set_proto\n",
        b"from new import BaseEvent, set_proto\n",
    ),
    "parentheses": (
        b"x = 1\nfrom  paltabrain_sdk \\\n import (  # why\n    BaseEvent,\n)\ny = 2\n",
        b"x = 1\nfrom  new \\\n import (  # why\n    BaseEvent,\n)\ny = 2\n",
    ),
    "continued": (b"from \\\n  paltabrain_sdk import x\n", b"from \\\n  new import x\n"),
    "continued, CRLF": (b"from \\\r\n paltabrain_sdk import x", b"from \\\r\n new import x"),
    "line ends": (
        b"a = 1\r\nfrom paltabrain_sdk import x\r\nb = 2\n",
        b"a = 1\r\nfrom new import x\r\nb = 2\n",
    ),
    "carriage returns": (
        b"a = 1\rfrom paltabrain_sdk import x\rb = 2",
        b"a = 1\rfrom new import x\rb = 2",
    ),
    "form feed": (b"\x0cfrom paltabrain_sdk import x\n", b"\x0cfrom new import x\n"),
    "strings and comments": (
        b'"""\nfrom paltabrain_sdk import a\n"""\n# from paltabrain_sdk import a\n'
        b's = "from paltabrain_sdk import"; from paltabrain_sdk import a\n',
        b'"""\nfrom paltabrain_sdk import a\n"""\n# from paltabrain_sdk import a\n'
        b's = "from paltabrain_sdk import"; from new import a\n',
    ),
    "non-ASCII before it": (
        'é = "—"; from paltabrain_sdk import x\n'.encode(),
        'é = "—"; from new import x\n'.encode(),
    ),
    "odd line separators": (
        's = "\u2028\x0b\x85"\nfrom paltabrain_sdk import x\n'.encode(),
        's = "\u2028\x0b\x85"\nfrom new import x\n'.encode(),
    ),
    "byte order mark": (
        b"\xef\xbb\xbffrom paltabrain_sdk import x\n",
        b"\xef\xbb\xbffrom new import x\n",
    ),
    "other encoding": (
        b"# coding: latin-1\ns = '\xe9'\nfrom paltabrain_sdk import x\n",
        b"# coding: latin-1\ns = '\xe9'\nfrom new import x\n",
    ),
    "indented, twice": (
        b"try:\n    from paltabrain_sdk import x\nexcept ImportError:\n"
        b"    from paltabrain_sdk import y; from paltabrain_sdk import z\n",
        b"try:\n    from new import x\nexcept ImportError:\n"
        b"    from new import y; from new import z\n",
    ),
    "escapes that warn": (
        b"s = '\\d'\nfrom paltabrain_sdk import x\n",
        b"s = '\\d'\nfrom new import x\n",
    ),
    "other modules": (b"from paltabrain_sdk_x import a\nfrom .paltabrain_sdk import b\n", None),
    "submodule": (b"from paltabrain_sdk.utils import set_proto\n", None),
    "plain import": (b"import paltabrain_sdk\n", None),
    "string only": (b"'''\nfrom paltabrain_sdk import a\n'''\n", None),
    "empty": (b"", None),
}


@pytest.mark.parametrize(("source", "expected"), IMPORTS.values(), ids=IMPORTS)
def test_points_imports(source: bytes, expected: bytes | None) -> None:
    assert point_imports_at("new", source) == expected
