"""Generates the config module of a schema: a Python package, written completely or not at all."""

from __future__ import annotations

import keyword
import os
import tempfile
from pathlib import Path
from typing import Final

from .messages import messages_text, stub_text
from .model import Schema
from .module import module_text
from .names import check_module_name

_FILES: Final = frozenset({"__init__.py", "config_v2_pb2.py", "config_v2_pb2.pyi"})


def render(schema: Schema, *, import_from: str = "paltabrain_fast") -> dict[str, str]:
    """Generate the package in memory: the text of each file, by file name.

    The same schema gives the same text, byte for byte.

    Args:
        schema: a schema as ``load_schema`` returns it.
        import_from: the package that the module imports its base classes from.

    Raises:
        ValueError: ``import_from`` is no dotted name.
    """
    parts = import_from.split(".")
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise ValueError(f"import_from must be the name of a package, not {import_from!r}")
    return {
        "__init__.py": module_text(schema, import_from),
        "config_v2_pb2.py": messages_text(schema),
        "config_v2_pb2.pyi": stub_text(schema),
    }


def generate(schema: Schema, out_dir: Path, *, import_from: str = "paltabrain_fast") -> None:
    """Write the package to ``out_dir``; a package that was generated there before is replaced.

    The files are written to a directory beside ``out_dir``, which is then renamed. If anything
    fails, ``out_dir`` stays as it was. Missing parent directories are made.

    Args:
        schema: a schema as ``load_schema`` returns it.
        out_dir: directory of the package: missing, empty, or one that was generated.
        import_from: the package that the module imports its base classes from.

    Raises:
        FileExistsError: ``out_dir`` holds something else than a generated package.
        OSError: the files cannot be written.
        ValueError: ``import_from`` is no dotted name, or the name of ``out_dir`` cannot be
            imported.
    """
    texts = render(schema, import_from=import_from)
    target = out_dir.absolute()
    check_module_name(target.name)
    if not _is_free(target):
        raise FileExistsError(f"{out_dir} exists and is no generated package: it is left as it is")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as scratch:
        fresh, former = Path(scratch, "fresh"), Path(scratch, "former")
        fresh.mkdir()
        for name, text in texts.items():
            (fresh / name).write_text(text, encoding="utf-8", newline="\n")
        try:
            if target.exists():
                target.rename(former)
            fresh.rename(target)
        except BaseException:
            if former.exists() and not target.exists():
                former.rename(target)
            raise


def _is_free(target: Path) -> bool:
    """Tell whether writing there loses nothing: it is missing, empty, or a generated package."""
    if target.is_symlink() or not target.is_dir():
        return not os.path.lexists(target)
    found = {entry.name for entry in target.iterdir()}
    return not found or _FILES <= found <= _FILES | {"__pycache__"}
