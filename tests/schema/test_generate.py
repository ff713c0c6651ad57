"""Writing the package: completely or not at all, never over other files; and the command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paltabrain_fast.schema.generate import generate, render
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Group, Schema

from ..support.scarce import needs
from .packages import EXAMPLE, imported

SCHEMA = Schema(events=(Group("Old", 1),))
NEXT = Schema(events=(Group("New", 1),))


def contents(directory: Path) -> dict[str, bytes | None]:
    """Return the content of a directory: bytes of files, ``None`` for directories."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }


def test_a_package_is_written_and_replaced(tmp_path: Path) -> None:
    target = tmp_path / "not" / "yet" / "config"
    generate(SCHEMA, target)
    (target / "__pycache__").mkdir()
    (target / "__pycache__" / "stale.pyc").touch()
    generate(NEXT, target)
    assert contents(target) == {name: text.encode() for name, text in render(NEXT).items()}
    assert list(target.parent.iterdir()) == [target]
    assert target.stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_an_empty_directory_is_taken(tmp_path: Path) -> None:
    generate(SCHEMA, tmp_path)
    assert contents(tmp_path).keys() == render(SCHEMA).keys()


def _own_file(target: Path) -> None:
    generate(SCHEMA, target)
    (target / "handwritten.py").touch()


def _own_package(target: Path) -> None:
    target.mkdir()
    (target / "__init__.py").write_text("precious = 1\n")


def _file(target: Path) -> None:
    target.write_text("precious")


def _link(target: Path) -> None:
    elsewhere = target.with_name("elsewhere")
    generate(SCHEMA, elsewhere)
    target.symlink_to(elsewhere)


def _dangling_link(target: Path) -> None:
    target.symlink_to(target.with_name("nowhere"))


@pytest.mark.parametrize("make", [_own_file, _own_package, _file, _link, _dangling_link])
def test_something_else_is_never_replaced(tmp_path: Path, make: object) -> None:
    assert callable(make)
    target = tmp_path / "config"
    make(target)
    before = contents(tmp_path)
    with pytest.raises(FileExistsError, match="is no generated package"):
        generate(NEXT, target)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failure_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    target = tmp_path / "config"
    generate(SCHEMA, target)
    before = contents(tmp_path)
    rename, calls = Path.rename, 0

    def failing_rename(self: Path, to: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise OSError("no luck")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", failing_rename)
    with pytest.raises(OSError, match="no luck"):
        generate(NEXT, target)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["my-config", "2024", "a b", "a.b", "class", "None", ".."])
def test_the_directory_is_named_as_a_module_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' cannot be imported: choose one of letters"):
        generate(SCHEMA, tmp_path / name)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("name", ["", "a b", "a; import os", "a.", ".a", "a\nb", "class", "a-b"])
def test_import_from_is_the_name_of_a_package(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="import_from must be the name of a package"):
        generate(SCHEMA, tmp_path / "config", import_from=name)
    assert contents(tmp_path) == {}


def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    main = "from paltabrain_fast.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", main, "generate", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )


@needs("duckdb")
def test_the_command_generates(tmp_path: Path) -> None:
    done = command(EXAMPLE, tmp_path / "config")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'config'}: 9 events, 6 groups, 3 enums\n"
    with imported(tmp_path / "config") as module:
        assert module.EventPageOpen(page_id="abc").asdict()["payload"]["page_id"] == "abc"


@needs("duckdb")
def test_the_command_gives_the_server_s_import_line(tmp_path: Path) -> None:
    done = command(EXAMPLE, tmp_path / "config", "--import-from", "paltabrain_sdk")
    assert done.returncode == 0, done.stderr
    expected = render(load_schema(EXAMPLE), import_from="paltabrain_sdk")
    assert contents(tmp_path / "config") == {name: text.encode() for name, text in expected.items()}


@needs("duckdb")
def test_the_command_reports_each_problem_in_a_line_and_writes_nothing(tmp_path: Path) -> None:
    schema = tmp_path / "schema.yaml"
    schema.write_text("event:\n  A: {}\n  B: {id: 0}\n")
    done = command(schema, tmp_path / "out" / "config")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"{schema}:2: event.A: id is missing",
        f"{schema}:3: event.B.id: must be 1 to 536870911, not 0",
    ]
    assert list(tmp_path.iterdir()) == [schema]


@needs("duckdb")
@pytest.mark.parametrize("case", ["occupied", "parent is a file", "import", "name"])
def test_the_command_fails_in_one_line(tmp_path: Path, case: str) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("precious")
    before = contents(tmp_path)
    arguments: dict[str, list[str | Path]] = {
        "occupied": [occupied],
        "parent is a file": [occupied / "config"],
        "import": [tmp_path / "config", "--import-from", "a b"],
        "name": [tmp_path / "my-config"],
    }
    done = command(EXAMPLE, *arguments[case])
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("paltabrain-fast generate: ")
    assert contents(tmp_path) == before
