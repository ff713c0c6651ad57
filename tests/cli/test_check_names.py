"""``paltabrain-fast check`` says nothing of names that may stand for something else, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from paltabrain_fast.schema.generate import generate
from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE
from ..support.scarce import needs

pytestmark = needs("duckdb")

IMPORT = "from my_config import EventPageOpen"

OTHERWISE = [
    "for held in others(): pass",
    "held, other = others()",
    "other = held = others()",
    "held: object",
    "held += others()",
    "if (held := others()): pass",
    "with others() as held: pass",
    "with others() as (held, other): pass",
    "print([held for held in others()])",
    "try: pass\n    except OSError as held: pass",
    "match others():\n        case held: pass",
    "match others():\n        case [_, *held]: pass",
    "match others():\n        case {'a': _, **held}: pass",
    "import held",
    "from others import one as held",
    "def held(): pass",
    "async def held(): pass",
    "class held: pass",
    "print(lambda held: held)",
]


Run = Callable[[str, str], list[str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that returns the findings of a module in a source, as line and text."""
    from paltabrain_fast.cli.main import app

    monkeypatch.chdir(tmp_path)

    def run(module: str, source: str) -> list[str]:
        options = "--source", source, "--ignore-unused", "*"
        result = CliRunner().invoke(app, ["check", module, *options])
        assert isinstance(result.exception, SystemExit | None), result.exception
        return [line.removeprefix(f"{source}:") for line in result.stdout.splitlines()]

    return run


@pytest.fixture
def found(tmp_path: Path, run: Run) -> Callable[[str], list[str]]:
    """Return a function that returns the findings in a source, which imports ``my_config``."""
    generate(load_schema(EXAMPLE), tmp_path / "my_config")

    def found(source: str) -> list[str]:
        (tmp_path / "app.py").write_text(source)
        return run("my_config", "app.py")

    return found


@pytest.mark.parametrize("otherwise", ["pass", *OTHERWISE])
@pytest.mark.parametrize(
    ("value", "call", "finding"),
    [
        ("EventPageOpen()", "set_aside()", "EventPageOpen has no set_aside()"),
        ("sdk.context", "set_user()", "the context of the whole process is changed"),
    ],
    ids=["event", "context"],
)
def test_name_that_is_bound_again(
    value: str, call: str, finding: str, otherwise: str, found: Callable[[str], list[str]]
) -> None:
    """A finding is for names that hold one thing alone, wherever in the file they are bound."""
    source = (
        f"{IMPORT}\nheld = {value}\ndef post():\n    {otherwise}\ndef get():\n    held.{call}\n"
    )
    (*findings,) = found(source)
    if otherwise == "pass":
        assert [finding in each for each in findings] == [True]
    else:
        assert findings == []


@pytest.mark.parametrize("otherwise", ["import shop.held", *OTHERWISE])
@pytest.mark.parametrize(
    ("import_", "use"),
    [
        ("import my_config as held", "held.nothing"),
        ("from my_config import EventPageOpen as held", "held(nothing=1)"),
    ],
    ids=["module", "class"],
)
def test_import_that_is_bound_again(
    import_: str, use: str, otherwise: str, found: Callable[[str], list[str]]
) -> None:
    """As a function may have a parameter that is named like the module."""
    source = f"{import_}\ndef post():\n    {otherwise}\ndef get():\n    {use}\n"
    assert len(found(source)) == (otherwise == "import shop.held")


@pytest.mark.parametrize(
    ("maker", "lines"),
    [
        ("sdk = PaltabrainSdk(context=Context())", []),
        ("sdk = paltabrain_fast.PaltabrainSdk[Context](context=Context())", []),
        ("sdk = existing()", [4, 7]),
        ("def sdk(): PaltabrainSdk()", [4, 7]),
    ],
)
def test_context_may_be_changed_where_the_sdk_is_made(
    maker: str, lines: list[int], found: Callable[[str], list[str]]
) -> None:
    """No request has begun there; in a function within that one, it may have."""
    source = f"""\
def create():
    print("begin")
    {maker}
    sdk.context.set_application(app_id="shop")

    def get(request):
        sdk.context.set_user(user_id="u")

    return get
"""
    findings = found(source)
    assert [int(each.split(":")[0]) for each in findings] == (lines or [7])


@pytest.mark.parametrize(
    ("module", "other", "file", "is_told"),
    [
        ("shop/events/config", None, "shop/views.py", True),
        ("shop/events/config", "config/__init__.py", "shop/views.py", False),
        ("shop/events/config", "config/__init__.py", "shop/events/views.py", False),
        ("shop/events/config", "config.py", "shop/views.py", False),
        ("shop/events/config", "config/data.txt", "shop/views.py", True),
        ("a/config", "b/config/__init__.py", "a/views.py", True),
        ("a/config", "b/config/__init__.py", "b/views.py", False),
        ("a/config", "config/__init__.py", "a/views.py", True),
    ],
)
def test_another_module_of_the_same_name(
    module: str, other: str | None, file: str, is_told: bool, tmp_path: Path, run: Run
) -> None:
    """As the settings of many Django projects are in a package ``config``, too."""
    (tmp_path / "shop" / "events").mkdir(parents=True)
    for package in ("shop", "shop/events"):
        (tmp_path / package / "__init__.py").touch()
    generate(load_schema(EXAMPLE), tmp_path / module)
    for each in filter(None, (other, file)):
        (tmp_path / each).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / each).touch()
    (tmp_path / file).write_text("from config import settings\nimport config\nconfig.wsgi\n")
    findings = run(module, file)
    assert len(findings) == (2 if is_told else 0), findings
