"""``paltabrain-fast check`` and ``generate --check``: what they find, and what they let through."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from paltabrain_fast.schema.generate import generate
from paltabrain_fast.schema.load import load_schema

from ..schema.packages import EXAMPLE
from ..support.scarce import needs
from .archives import GOOD
from .config_server import ConfigServer, status

pytestmark = needs("duckdb")

KEY = "1237c694a824422a88e2a3c5a90510e3"
SHOP = Path(__file__).parent / "sources" / "shop.txt"


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A directory with a package ``shop``, in which the config module is."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    generate(load_schema(EXAMPLE), tmp_path / "shop" / "my_config")
    (tmp_path / "schema.yaml").write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    return tmp_path


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the project, and in this process, which is quicker than a new one."""
    from typer.testing import CliRunner

    from paltabrain_fast.cli.main import app

    monkeypatch.chdir(project)

    def run(*arguments: object) -> Done:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert isinstance(result.exception, SystemExit | None), result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    return run


def used_events() -> str:
    """A file that uses all events that are declared."""
    names = [f"Event{event.name}" for event in load_schema(EXAMPLE).events]
    lines = [f"from .my_config import {name}\n" for name in names]
    return "".join(lines) + f"print({', '.join(names)})\n"


def test_each_mistake_is_found_and_nothing_else(project: Path, run: Run) -> None:
    source = project / "shop" / "app.py"
    source.write_text(SHOP.read_text("utf-8"), "utf-8")
    marked = enumerate(SHOP.read_text("utf-8").splitlines(), 1)
    expected = [
        f"shop/app.py:{number}: {line.split('#! ')[1]}" for number, line in marked if "#! " in line
    ]
    assert len(expected) > 25
    done = run("check", "shop/my_config", "--source", "shop")
    found = [line for line in done.stdout.splitlines() if line.startswith("shop/app.py")]
    assert found == expected
    assert done.returncode == 1


@pytest.mark.parametrize("module", ["shop/my_config", "shop.my_config"])
def test_events_that_are_never_used(module: str, project: Path, run: Run) -> None:
    (project / "shop" / "app.py").write_text(
        "from .my_config import EventPageOpen, EventTransfer\nprint(EventPageOpen)\n"
    )
    done = run("check", module, "--source", "shop")
    lines = (project / "shop" / "my_config" / "__init__.py").read_text("utf-8").splitlines()
    unused = {}
    for line in done.stdout.splitlines():
        match = re.fullmatch(
            r"shop/my_config/__init__\.py:(\d+): (\w+) is never used in shop", line
        )
        assert match, line
        assert lines[int(match[1]) - 1] == f"class {match[2]}(Event):"
        unused[match[2]] = match[1]
    names = {f"Event{event.name}" for event in load_schema(EXAMPLE).events}
    assert set(unused) == names - {"EventPageOpen", "EventTutorialGesture"}  # it is deprecated
    assert (done.returncode, done.stderr) == (1, f"{len(unused)} findings\n")


@pytest.mark.parametrize(
    "ignored",
    [
        ["EventT*", "EventPurchase", "EventSession*", "EventE*", "EventPermissionsRequest"],
        ["T*", "Purchase", "Session*", "E[lv]*", "PermissionsRequest", "NoSuch"],
    ],
    ids=["classes", "without Event"],
)
def test_events_that_other_services_use(ignored: list[str], project: Path, run: Run) -> None:
    (project / "shop" / "app.py").write_text(
        "from .my_config import EventPageOpen\nEventPageOpen(titel='x')\n"
    )
    options = [option for pattern in ignored for option in ("--ignore-unused", pattern)]
    command = ("check", "shop/my_config", "--source", "shop")
    done = run(*command, *options)
    assert (done.returncode, done.stderr) == (1, "1 finding\n"), done.stdout
    assert "has no property titel" in done.stdout
    done = run(*command, *options[2:])
    assert (done.returncode, len(done.stdout.splitlines())) == (1, 2)
    (project / "shop" / "app.py").write_text("from .my_config import EventPageOpen as E\nE()\n")
    done = run(*command, *options, "--ignore-unused", "PageOpen")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no findings\n")


SERVICE = """
sdk.context.set_application(app_id="shop")

class View:
    async def get(self, request, context):
        def filled():
            self.sdk.context.set_user(user_id="u")
        context.set_user(user_id="v")
        span.context.set_baggage("w")

def post(request):
    sdk.context.set_user(user_id="x").set_language("de")
"""


def test_context_of_the_process_that_is_changed_for_a_request(project: Path, run: Run) -> None:
    (project / "shop" / "app.py").write_text(SERVICE)
    found = [
        line.split(": ")[0]
        for line in run("check", "shop/my_config", "--source", "shop").stdout.splitlines()
        if "the context of the whole process is changed within a function: " in line
    ]
    assert found == ["shop/app.py:7", "shop/app.py:12"]


@pytest.mark.parametrize(
    ("begin", "is_told"),
    [
        ("def post(sdk):\n    held = sdk.context", True),
        ("held: Context = sdk.context\ndef post():\n    pass", True),
        ("def post(sdk):\n    print(held := sdk.context)", True),
        ("def post(sdk):\n    held = sdk.context\n    held = copy(held)", False),
        ("held = Context()\ndef post(sdk):\n    held = sdk.context", False),
        ("held = sdk.context\ndef post(held):\n    pass", False),
        ("held = sdk.context\ndef post():\n    with scope() as held: pass", False),
        ("def post(sdk):\n    held = sdk.other", False),
        ("def post(sdk):\n    held: Context", False),
    ],
)
def test_context_of_the_process_by_another_name(
    begin: str, is_told: bool, project: Path, run: Run
) -> None:
    """Unless the name may stand for something else, too."""
    (project / "shop" / "app.py").write_text(f"{begin}\n    held.set_user(user_id='u')\n")
    with (project / "shop" / "app.py").open("a") as file:
        file.write("    held.set_aside()\n")
    done = run("check", "shop/my_config", "--source", "shop")
    assert done.stdout.count("context of the whole process") == is_told


@pytest.mark.parametrize(
    "scopes",
    [
        "from paltabrain_fast.contrib.wsgi import ContextMiddleware as Scopes\n",
        "MIDDLEWARE = ['paltabrain_fast.contrib.django.middleware.ContextMiddleware']\n",
        "with sdk.scoped_context():\n    pass\n",
    ],
    ids=["import", "setting", "scope"],
)
def test_context_of_a_scope_may_be_changed(scopes: str, project: Path, run: Run) -> None:
    """Wherever in the source the scope is made."""
    (project / "shop" / "app.py").write_text(SERVICE)
    (project / "shop" / "settings.py").write_text(scopes)
    done = run("check", "shop/my_config", "--source", "shop")
    assert "context of the whole process" not in done.stdout


def test_nothing_is_found(project: Path, run: Run) -> None:
    generous = used_events().replace("EventTutorialGesture, ", "")
    (project / "shop" / "app.py").write_text(generous)
    done = run("check", "shop/my_config", "--schema", "schema.yaml", "--source", "shop/app.py")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no findings\n")


@pytest.mark.parametrize(
    ("before", "after", "line", "finding"),
    [
        (
            "price: {id: 1, type: decimal",
            "cost: {id: 1, type: decimal",
            "class EventPurchase",
            "property Purchase.price is not known to schema.yaml",
        ),
        (
            "  Transfer:\n    id: 6",
            "  Transfer:\n    id: 66",
            "class EventTransfer",
            "event Transfer has the id 66 for schema.yaml, 6 here",
        ),
        (
            "items: {id: 5, type: string, is_repeated: true",
            "items: {id: 5, type: string",
            "class EventPurchase",
            "property Purchase.items is string for schema.yaml, a list of string here",
        ),
        (
            "DARK: {id: 2",
            "DARK: {id: 7",
            "class EnumTheme",
            "value Theme.DARK is 7 for schema.yaml, 2 here",
        ),
        (
            "user_id: {id: 1, type: string}",
            "user_id: {id: 1, type: string, is_deprecated: true}",
            "    def set_user",
            "property User.user_id is deprecated for schema.yaml, not here",
        ),
        (
            "  SessionStart:",
            "  PageClose:\n    id: 77\n  SessionStart:",
            None,
            "event PageClose of schema.yaml is missing",
        ),
    ],
    ids=["property", "id", "type", "enum", "deprecated", "event"],
)
def test_schema_has_changed(
    before: str, after: str, line: str | None, finding: str, project: Path, run: Run
) -> None:
    schema = project / "schema.yaml"
    text = schema.read_text("utf-8")
    assert text.count(before) == 1
    schema.write_text(text.replace(before, after), "utf-8")
    done = run("check", "shop/my_config", "--schema", "schema.yaml", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], done.stderr) == (1, False, "")
    first = next(each for each in report["findings"] if each["text"] == finding)
    source = (project / "shop" / "my_config" / "__init__.py").read_text("utf-8").splitlines()
    assert first["file"] == "shop/my_config/__init__.py"
    if line is not None:
        assert source[first["line"] - 1].startswith(line)


def test_module_of_the_server(
    server: ConfigServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answer = status(401)
    command = ("check", "shop.my_config", "--hostname", server.hostname)
    assert run(*command).returncode == 2
    monkeypatch.setenv("PALTABRAIN_SDK_API_KEY", KEY)
    refused = run(*command)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "the API key was refused" in refused.stderr
    assert KEY not in refused.stderr
    server.answer = status(200, GOOD)
    assert "no descriptor of paltabrain.event_schema.v2" in run(*command).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("shop/my_config",),
        ("no_such", "--schema", "schema.yaml"),
        ("shop/my_config", "--schema", "schema.yaml", "--hostname", "localhost"),
        ("shop/my_config", "--nope"),
        ("shop/my_config", "--schema", "schema.yaml", "--ignore-unused", "PageOpen"),
    ],
    ids=["nothing to check", "no module", "two to compare with", "unknown option", "no source"],
)
def test_wrong_usage(arguments: tuple[str, ...], run: Run) -> None:
    done = run("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")


def test_directory_that_is_no_module(run: Run) -> None:
    done = run("check", "shop", "--schema", "schema.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("paltabrain-fast check: shop is no config module")


def test_schema_that_is_none(project: Path, run: Run) -> None:
    (project / "schema.yaml").write_text("event:\n  A: {}\n")
    done = run("check", "shop.my_config", "--schema", "schema.yaml")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("schema.yaml:2: ")


def test_source_that_is_no_python(project: Path, run: Run) -> None:
    (project / "shop" / "broken.py").write_text("x = 1\nx = = 2\n")
    (project / "shop" / "env").mkdir()
    (project / "shop" / "env" / "pyvenv.cfg").touch()
    (project / "shop" / "env" / "other.py").write_text("x = = 2\n")
    done = run("check", "shop.my_config", "--source", "shop")
    broken = [line for line in done.stdout.splitlines() if "is not valid Python" in line]
    assert broken == ["shop/broken.py:2: is not valid Python: invalid syntax"]


def test_source_that_cannot_be_read(project: Path, run: Run) -> None:
    """The others are checked all the same, each once."""
    (project / "shop" / "gone.py").symlink_to("nowhere.py")
    os.mkfifo(project / "shop" / "pipe.py")
    (project / "shop" / ".#lock.py").symlink_to("nowhere.py")
    (project / "shop" / "deep.py").write_text("x = " + "-" * 50_000 + "1\n")
    for name in ("again", "and_again"):
        (project / "shop" / name).symlink_to(".", target_is_directory=True)
    (project / "shop" / "broken.py").write_text("x = = 2\n")
    done = run("check", "shop.my_config", "--source", "shop")
    files = [line.partition(":")[0] for line in done.stdout.splitlines() if " read" in line]
    assert files == ["shop/deep.py", "shop/gone.py"]
    assert done.stdout.count("is not valid Python") == 1


@pytest.mark.parametrize("depth", [250, 900])
@pytest.mark.parametrize("import_", ["import shop.my_config", "from .my_config import Context"])
def test_source_that_is_nested_deep(depth: int, import_: str, project: Path, run: Run) -> None:
    """As deep as Python takes it."""
    chain = "one: pass\n" + "elif one: pass\n" * depth
    source = f"{import_}\nif {chain}x = 1{' + 1' * depth}\ny = one{'.two()' * depth}\n"
    (project / "shop" / "deep.py").write_text(source)
    done = run("check", "shop.my_config", "--source", "shop", "--ignore-unused", "*")
    assert (done.returncode, done.stdout) == (0, "")


def test_generated_files_are_compared(project: Path, run: Run) -> None:
    command = ("generate", "--check", "schema.yaml", "shop/my_config")
    good = run(*command)
    assert (good.returncode, good.stdout) == (0, "shop/my_config is what schema.yaml generates\n")
    before = {path: path.read_bytes() for path in (project / "shop" / "my_config").iterdir()}
    schema = project / "schema.yaml"
    schema.write_text(schema.read_text("utf-8").replace("A page was opened.", "A page is open."))
    (project / "shop" / "my_config" / "config_v2_pb2.pyi").unlink()
    done = run(*command)
    assert done.returncode == 1
    line, missing = done.stdout.splitlines()
    match = re.fullmatch(
        r"shop/my_config/__init__\.py:(\d+): is not what schema\.yaml generates", line
    )
    assert match
    source = (project / "shop" / "my_config" / "__init__.py").read_text("utf-8").splitlines()
    assert "A page was opened." in source[int(match[1]) - 1]
    assert missing == "shop/my_config/config_v2_pb2.pyi:1: is missing"
    after = {path: path.read_bytes() for path in (project / "shop" / "my_config").iterdir()}
    assert after == {path: data for path, data in before.items() if path in after}


def test_hooks_of_pre_commit_name_commands_that_exist(run: Run) -> None:
    hooks = (EXAMPLE.parents[1] / ".pre-commit-hooks.yaml").read_text("utf-8")
    entries = re.findall(r"entry: paltabrain-fast (.*)", hooks)
    assert entries == ["check", "generate --check"]
    for entry in entries:
        assert run(*entry.split(), "--help").returncode == 0
