"""The generated package: its form and docstrings, and the tools and runtimes that load it."""

from __future__ import annotations

import ast
import inspect
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2
from hypothesis import example, given, settings

from paltabrain_fast import BaseContext, BaseEnum, BaseEvent, BaseSentinel, set_proto
from paltabrain_fast.schema.generate import generate, render
from paltabrain_fast.schema.load import load_schema
from paltabrain_fast.schema.model import Enum, EnumValue, Group, Kind, Property, Schema

from ..support.programs import PROGRAMS, run_program
from .packages import EXAMPLE, generated, imported
from .strategies import descriptions

SECONDS = 100  # deadline of a process


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generate the package of the example schema."""
    directory = tmp_path_factory.mktemp("generated") / "config"
    generate(load_schema(EXAMPLE), directory)
    return directory


@pytest.fixture(scope="module")
def config(package: Path) -> Iterator[Any]:
    with imported(package) as module:
        yield module


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        env=os.environ | environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_setters_and_constructors(config: Any) -> None:
    context = config.Context()
    assert context.set_application(app_id="a", app_platform="p", app_version="v") is context
    context.set_user(user_id="123", country_code="GB", is_trial=True)
    context.set_user(is_paying=True)
    assert context.asdict()["user"] == {
        "user_id": "123",
        "country_code": "GB",
        "is_trial": True,
        "is_paying": True,
    }
    context.set_user(user_id=None, country_code=None, is_trial=False, is_paying=False)
    message = config.ContextMessage.FromString(context.serialize_context())
    assert not message.user.HasField("user_id")
    assert message.user.HasField("is_trial")

    assert config.EventSessionStart().serialize_header() == b""
    request = config.EventPermissionsRequest(is_granted=True, type="CAMERA")
    assert request.asdict() == {"header": {}, "payload": {"is_granted": True, "type": "CAMERA"}}
    page_open = config.EventPageOpen(page_id="abc")
    assert page_open.set_parent(parent_elements=["main_screen", "first_block"]) is page_open
    header = config.EventHeaderMessage.FromString(page_open.serialize_header())
    assert list(header.parent.parent_elements) == ["main_screen", "first_block"]


def test_equal_contexts_are_equal_bytes(config: Any) -> None:
    experiments = [(f"experiment {number}", "on") for number in range(50)]
    contexts = [
        config.Context().set_identify(experiments=dict(order)).serialize_context()
        for order in (experiments, experiments[::-1])
    ]
    assert contexts[0] == contexts[1]


def test_an_event_without_properties_is_present_on_the_wire(config: Any) -> None:
    assert list(inspect.signature(config.EventSessionStart).parameters) == []
    message = config.EventPayloadMessage.FromString(config.EventSessionStart().serialize_payload())
    assert message.WhichOneof("event_type") == "event_1"


def test_names_of_the_module(config: Any) -> None:
    handed_on = {name for name in vars(config) if not name.startswith("_")}
    assert handed_on >= {"Context", "Event", "EventPageOpen", "EnumTheme", "UNDEFINED"}
    assert config.BaseContext is BaseContext
    assert config.set_proto is set_proto
    assert isinstance(config.UNDEFINED, BaseSentinel)
    assert issubclass(config.Context, BaseContext)
    assert issubclass(config.Event, BaseEvent)
    assert issubclass(config.EventPageOpen, config.Event)
    assert config.EventPageOpen.event_type_id == 4
    assert issubclass(config.EnumPaymentResult, BaseEnum)
    assert [(member.name, member.value) for member in config.EnumPaymentResult] == [
        ("UNKNOWN", 0),
        ("FAILED", -1),
        ("PAID", 1),
        ("REFUNDED", 2),
    ]


def test_parameters_of_keyword_names_get_an_underscore(config: Any) -> None:
    parameters = inspect.signature(config.EventElementRender).parameters
    assert list(parameters) == ["class_", "type", "str", "int", "self_", "super_"]
    event = config.EventElementRender(class_="c", type="t", str="s", int=1, self_=True, super_="u")
    payload = {"class": "c", "type": "t", "str": "s", "int": 1, "self": True, "super": "u"}
    assert event.asdict()["payload"] == payload
    member = config.EventPayloadMessage.FromString(event.serialize_payload()).event_7
    assert {field.name: value for field, value in member.ListFields()} == payload


def test_signatures(package: Path) -> None:
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    signatures = {
        (definition.name, method.name): ast.unparse(method.args)
        for definition in tree.body
        if isinstance(definition, ast.ClassDef)
        for method in definition.body
        if isinstance(method, ast.FunctionDef)
    }
    assert signatures["EventSessionStart", "__init__"] == "self"
    assert signatures["EventTransfer", "__init__"] == (
        "self, *, amount: Optional[Decimal]=None, from_: Optional[str]=None, to: Optional[str]=None"
    )
    assert signatures["Event", "set_screen"] == (
        "self, *, screen_name: Optional[str]=UNDEFINED, theme: Optional[EnumTheme]=UNDEFINED"
    )
    everything = signatures["EventEverything", "__init__"]
    for parameter in (
        "flag: Optional[bool]",
        "count: Optional[int]",
        "happened_ts: Optional[datetime]",
        "amounts: Optional[List[Decimal]]",
        "theme_by_name: Optional[Dict[str, EnumTheme]]",
    ):
        assert f", {parameter}=None" in everything


def test_import_star_hands_everything_on(config: Any) -> None:
    handed_on = {name for name in vars(config) if not name.startswith("_")}
    assert handed_on >= {
        *("ABC", "datetime", "Decimal", "Dict", "List", "Optional", "Union", "UNDEFINED"),
        *("BaseContext", "BaseEnum", "BaseEvent", "BaseSentinel", "set_proto"),
        *("ContextMessage", "EventHeaderMessage", "EventPayloadMessage", "Context", "Event"),
    }


def test_docstrings(config: Any) -> None:
    assert _words(config.EnumGesture.__doc__).startswith("{DEPRECATED} Gestures of the first")
    assert _words(config.EventTutorialGesture.__init__.__doc__).startswith("{DEPRECATED} ")
    lines = inspect.cleandoc(config.EventPageOpen.__init__.__doc__).splitlines()
    assert lines == [
        "A page was opened.",
        "",
        ":param page_id: Identifier of the page.",
        ":param title: {DEPRECATED} Look it up by `page_id`.",
    ]


def test_without_descriptions_docstrings_are_blank() -> None:
    schema = Schema(enums=(Enum("E", 1),), events=(Group("A", 1),))
    with generated(schema) as module:
        assert module.EventA.__init__.__doc__.split() == []
        assert module.EnumE.__doc__.split() == []


def test_a_long_description_is_wrapped_and_cut() -> None:
    long = " ".join(f"word{number}" for number in range(500))
    with generated(_described(long)) as module:
        for documented in (module.EventA.__init__, module.Context.set_a, module.EnumE):
            assert documented.__doc__.count(" [...]\n") == 2
    lines = render(_described(long))["__init__.py"].splitlines()
    assert max(map(len, lines[8:])) in range(110, 121)
    assert sum("word20 " in line for line in lines) == 8


@settings(deadline=None, max_examples=80)
@given(text=descriptions)
@example(text='""" + str(1/0) + """')
@example(text='\n"""\nraise SystemExit("injected")\n')
def test_a_description_stays_text(text: str) -> None:
    with generated(_described(text)) as module:
        documented = _words(f"{text} :param p: {text}")
        assert _words(module.EventA.__init__.__doc__) == documented
        assert _words(module.Context.set_a.__doc__) == documented
        assert _words(module.EnumE.__doc__) == _words(f"{text} :var V: {text}")
    described, plain = render(_described(text)), render(_described(""))
    assert _code(described["__init__.py"]) == _code(plain["__init__.py"])
    for name in ("config_v2_pb2.py", "config_v2_pb2.pyi"):
        assert described[name] == plain[name]


def _words(text: str) -> str:
    """Return the text with single spaces: Python 3.13 changes white space in docstrings."""
    return " ".join(text.split())


def _described(text: str) -> Schema:
    """Return a schema with ``text`` as each description."""
    group = Group("A", 1, text, properties=(Property("p", 1, Kind.STRING, text),))
    enum = Enum("E", 1, text, values=(EnumValue("V", 1, text),))
    return Schema(context=(group,), header=(group,), enums=(enum,), events=(group,))


def _code(source: str) -> str:
    """Return the source without its docstrings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.unparse(tree)


def test_the_output_is_the_same_byte_for_byte(package: Path) -> None:
    again = package.parent / "again"
    run_program("schema/generate", str(EXAMPLE), str(again), PYTHONHASHSEED="1")
    names = ["__init__.py", "config_v2_pb2.py", "config_v2_pb2.pyi"]
    assert sorted(path.name for path in again.iterdir()) == names
    for name in names:
        assert (again / name).read_bytes() == (package / name).read_bytes()


def test_a_user_s_code_passes_mypy_strict(package: Path, tmp_path: Path) -> None:
    user = tmp_path / "user.py"
    shutil.copy(PROGRAMS / "typing" / "user_of_config.py", user)
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--config-file=", "--python-executable"),
        *(sys.executable, f"--cache-dir={tmp_path}", "--follow-imports=silent", user),
        MYPYPATH=str(package.parent),
    )


def test_descriptors(config: Any) -> None:
    file = descriptor_pb2.FileDescriptorProto()
    config.config_v2_pb2.DESCRIPTOR.CopyToProto(file)
    assert (file.name, file.package) == ("config_v2.proto", "paltabrain.event_schema.v2")
    assert file.syntax == "proto3"
    messages = {message.name: message for message in file.message_type}
    fields = {field.name: field for field in messages["EventPayloadEverything"].field}
    proto = descriptor_pb2.FieldDescriptorProto
    expected = {
        "flag": proto.TYPE_BOOL,
        "price": proto.TYPE_STRING,
        "theme": proto.TYPE_SINT64,
        "count": proto.TYPE_SINT64,
        "label": proto.TYPE_STRING,
        "happened_ts": proto.TYPE_SINT64,
    }
    for name, kind in expected.items():
        field = fields[name]
        assert (field.type, field.label, field.proto3_optional) == (
            kind,
            field.LABEL_OPTIONAL,
            True,
        )
    for name in ("flags", "amounts", "themes", "counts", "labels", "moments"):
        assert fields[name].label == proto.LABEL_REPEATED
        assert not fields[name].proto3_optional
    assert fields["count_by_name"].type_name == (
        ".paltabrain.event_schema.v2.EventPayloadEverything.CountByNameEntry"
    )
    groups = [(field.name, field.number) for field in messages["Context"].field]
    assert groups == [("application", 1), ("os", 2), ("user", 3), ("identify", 4)]
    assert {field.oneof_index for field in messages["EventPayload"].field} == {0}
    assert ("event_100", 100) in [(f.name, f.number) for f in messages["EventPayload"].field]


def test_two_modules_live_in_one_process(config: Any) -> None:
    schema = Schema(events=(Group("PageOpen", 7, properties=(Property("x", 1, Kind.INTEGER),)),))
    with generated(schema) as other:
        first, second = config.EventPageOpen(page_id="a"), other.EventPageOpen(x=5)
        read = config.EventPayloadMessage.FromString(first.serialize_payload())
        assert read.event_4.page_id == "a"
        assert other.EventPayloadMessage.FromString(second.serialize_payload()).event_7.x == 5


def test_events_contexts_and_messages_can_be_pickled(config: Any) -> None:
    event = config.EventPageOpen(page_id="abc").set_parent(parent_elements=["a"])
    context = config.Context().set_os(os_name="x")
    assert pickle.loads(pickle.dumps(event)).asdict() == event.asdict()
    assert pickle.loads(pickle.dumps(context)).asdict() == context.asdict()
    message = config.ContextMessage.FromString(context.serialize_context())
    assert pickle.loads(pickle.dumps(message)) == message


def test_the_stub_tells_what_the_messages_have(package: Path, config: Any) -> None:
    tree = ast.parse((package / "config_v2_pb2.pyi").read_text(encoding="utf-8"))
    stubbed = {
        node.name: {
            item.target.id
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    messages = config.config_v2_pb2.DESCRIPTOR.message_types_by_name
    assert set(stubbed) == set(messages)
    for name, descriptor in messages.items():
        message_class = getattr(config.config_v2_pb2, name)
        assert message_class.__module__ == config.config_v2_pb2.__name__
        fields = set(descriptor.fields_by_name)
        constants = {attribute for attribute in stubbed[name] if attribute not in fields}
        assert len(constants) == len(fields)
        assert all(hasattr(message_class(), attribute) for attribute in stubbed[name])
        assert fields - stubbed[name] <= {"class", "from"}, "only keywords cannot be spelled"


OLDEST = "protobuf==5.26.0" if sys.version_info < (3, 14) else "protobuf==5.27.0"


@pytest.mark.parametrize("requirement", [OLDEST, "protobuf==6.*", "protobuf==7.*"])
def test_it_loads_on_every_supported_protobuf(
    package: Path, tmp_path: Path, requirement: str
) -> None:
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
    target = tmp_path / "site"
    run(*pip, "install", "--quiet", "--no-deps", f"--target={target}", requirement)
    major = requirement.partition("==")[2].partition(".")[0]
    run_program(
        "schema/on_a_protobuf",
        *(major, str(target), str(EXAMPLE), str(package)),
        PYTHONPATH=f"{target}{os.pathsep}{package.parent}",
        PYTHONWARNINGS="error,ignore:Type google._upb",  # of protobuf's own types on 3.13
    )
