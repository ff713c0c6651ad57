"""What the Makefile and the documents name exists, and what users can set is in the documents."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
from dataclasses import fields
from itertools import takewhile
from pathlib import Path
from typing import Any, get_args

import pytest

from paltabrain_fast import DeliveryResult, DropReason, PaltabrainSdk, Stats

from .support.sdk import ROOT

PACKAGE = ROOT / "src" / "paltabrain_fast"
OPTIONS = (ROOT / "docs" / "options.md").read_text("utf-8")
DOCUMENTS = [
    "CONTRIBUTING.md",
    "README.md",
    "docs/architecture.md",
    "docs/commands.md",
    "docs/contexts.md",
    "docs/debugging.md",
    "docs/frameworks.md",
    "docs/process-ends.md",
]

_PATH = re.compile(r"`([\w./]+\.(?:py|pyx|pxd|pyi|c|h|sh))`")
_BASES = [
    *(ROOT / name for name in (".", "csrc", "tests", "tests/csrc", "tests/support")),
    *(PACKAGE / name for name in (".", "_native", "encoding")),
]
"""Where a file may be that is named without the whole path."""


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    names = set(_PATH.findall((ROOT / document).read_text("utf-8"))) - {"Python.h"}
    assert not {name for name in names if not any((base / name).exists() for base in _BASES)}


@pytest.mark.parametrize("target", ["test-quick", "test-interpreter"])
def test_tests_that_a_target_runs_exist(target: str) -> None:
    """pytest runs none at all where one of its arguments is missing."""
    command = ["make", "--dry-run", target]
    recipe = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    paths = re.findall(r"\btests/[\w/.]*", recipe.stdout)
    assert len(paths) > 5
    assert not {path for path in paths if not (ROOT / path).exists()}


def table(heading: str) -> dict[str, dict[str, str]]:
    """Read the first table below a heading: its rows by their first cell, cells by their column."""
    _, _, section = OPTIONS.partition(f"\n## {heading}\n")
    lines = section.partition("\n|")[2].splitlines()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in takewhile(str.strip, lines)
    ]
    assert len(rows) > 2, heading
    head, _, *body = rows
    return {row[0].strip("`"): dict(zip(head, row, strict=True)) for row in body}


def properties() -> dict[str, Any]:
    """The attributes of an SDK that are computed, and so neither methods nor constants."""
    found = inspect.getmembers_static(PaltabrainSdk)
    return {
        name: member
        for name, member in found
        if not name.startswith("_") and hasattr(member, "__get__") and not callable(member)
    }


def test_table_of_options_is_complete_and_has_the_defaults_of_the_code() -> None:
    parameters = dict(inspect.signature(PaltabrainSdk).parameters)
    rows = table("Options of the constructor")
    assert list(rows) == list(parameters), "names, or their order"
    for name, row in rows.items():
        default = parameters[name].default
        if default is ...:
            assert row["default"] == "required", name
        else:
            assert ast.literal_eval(row["default"].strip("`")) == default, name
        assert all(row[column] for column in ("type", "what it does", "when to change it")), name


def test_options_by_position_are_those_that_the_document_says() -> None:
    parameters = inspect.signature(PaltabrainSdk).parameters.values()
    by_position = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert (len(by_position), "The first nine" in OPTIONS) == (9, True)


def test_table_of_properties_is_complete() -> None:
    rows = table("Properties")
    assert set(rows) == set(properties())
    for name, member in properties().items():
        is_assignable = getattr(member, "fset", member) is not None
        assert rows[name]["assignable"] == ("yes" if is_assignable else "no"), name
    constants = {name for name in dir(PaltabrainSdk) if name.isupper()}
    assert not {name for name in constants if f"`{name}`" not in OPTIONS}


@pytest.mark.parametrize(
    ("heading", "of_code"),
    [
        ("What `flush()` and `shutdown()` return", [f.name for f in fields(DeliveryResult)]),
        ("Statistics", [field.name for field in fields(Stats)]),
        ("Why events are lost", list(get_args(DropReason))),
    ],
)
def test_table_of_what_the_sdk_tells_is_complete(heading: str, of_code: list[str]) -> None:
    assert list(table(heading)) == of_code


def test_table_of_environment_variables_is_complete() -> None:
    sources = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py")]
    read = {name for text in sources for name in re.findall(r"PALTABRAIN_SDK_[A-Z_]+", text)}
    assert set(table("Environment variables")) == read


def test_documents_that_the_readme_lists_exist() -> None:
    links = re.findall(r"\]\(((?:docs/)?[\w.-]+\.md)\)", (ROOT / "README.md").read_text("utf-8"))
    assert {path.relative_to(ROOT).as_posix() for path in ROOT.glob("docs/*.md")} <= set(links)
    assert not {link for link in links if not (ROOT / link).exists()}


PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (".", "docs", "examples")
    for path in ROOT.glob(f"{folder}/*.md")
)
_CODE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The headings of a page, as a link names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_pages_and_headings(page: str) -> None:
    text = _CODE.sub("", (ROOT / page).read_text("utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES)
def test_examples_name_modules_objects_and_options_that_exist(page: str) -> None:
    for language, example in _CODE.findall((ROOT / page).read_text("utf-8")):
        if language != "python":
            continue
        typed = re.findall(r"^>>> (.*)$", example, re.MULTILINE)
        for node in ast.walk(ast.parse("\n".join(typed) or example)):
            match node:
                case ast.ImportFrom(module=str(name), names=names) if name.startswith(PACKAGE.name):
                    module = importlib.import_module(name)
                    assert not [each.name for each in names if not hasattr(module, each.name)]
                case ast.Call(func=called, keywords=options) if "Sdk" in ast.unparse(called):
                    known = inspect.signature(PaltabrainSdk).parameters
                    assert not {option.arg for option in options} - set(known) - {None}
