"""Reading schema files: valid ones exactly, others with every problem and its place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paltabrain_fast.schema.document import MAX_FILE_BYTES
from paltabrain_fast.schema.errors import Problem, SchemaError
from paltabrain_fast.schema.load import MAX_PROPERTIES, load_schema
from paltabrain_fast.schema.model import EnumValue, Kind, Schema, snake_case

from .packages import EXAMPLE, generated
from .strategies import schemas, to_yaml


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file that Hypothesis overwrites with each example."""
    return tmp_path_factory.mktemp("schema") / "schema.yaml"


def load(file: Path, text: str | bytes) -> Schema:
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return load_schema(file)


def problems(file: Path, text: str | bytes) -> tuple[Problem, ...]:
    with pytest.raises(SchemaError) as caught:
        load(file, text)
    return caught.value.problems


def test_the_example_has_everything() -> None:
    schema = load_schema(EXAMPLE)
    properties = {event.name: event.properties for event in schema.events}["Everything"]
    for kind in Kind:
        containers = {(p.is_repeated, p.is_map) for p in properties if p.kind is kind}
        assert containers == {(False, False), (True, False), (False, True)}, kind
    assert [group.name for group in schema.context] == ["Application", "Os", "User", "Identify"]
    assert any(p.precision == 38 for event in schema.events for p in event.properties)
    for things in (schema.header, schema.enums, schema.events):
        assert any(thing.is_deprecated for thing in things)


@settings(deadline=None, max_examples=60)
@given(schema=schemas())
def test_a_valid_schema_is_read_as_written(file: Path, schema: Schema) -> None:
    assert load(file, to_yaml(schema)) == schema


def test_optional_parts_may_be_left_out(file: Path) -> None:
    schema = load(
        file,
        """
base: {anything: [goes, {here: 1}]}
context: {User: {id: 1, properties: &shared {id: {id: 1, type: string}}}}
header:
enum:
  Country: {id: 1, values: {UNKNOWN: {id: 0}, NO: {id: -9223372036854775808}, ON: {id: 1}}}
  Shade: {id: 2, values: {GREY: {id: 1, is_deprecated: true}}}
event:
  A: {id: 536870911, properties: *shared, is_deprecated: yes, description: "\\ud83d\\ude00"}
  B: {id: 1, description: }
""",
    )
    assert schema.header == ()
    assert schema.enums[0].values == (EnumValue("NO", -(1 << 63)), EnumValue("ON", 1))
    assert schema.enums[1].values == (EnumValue("GREY", 1, is_deprecated=True),)
    assert schema.context[0].properties == schema.events[0].properties
    assert schema.events[0].is_deprecated
    assert [event.description for event in schema.events] == ["😀", ""]


# the text around a fragment, by the place of the fragment in the schema
_AROUND = {
    "": "{}",
    "event": "event:\n  {}",
    "context": "context:\n  {}",
    "properties": "event:\n  A:\n    id: 1\n    properties:\n      {}",
    "enum": "enum:\n  {}",
    "values": "enum:\n  E:\n    id: 1\n    values:\n      {}",
}
# place, fragment ("|" begins a line with the same indent), line, path, part of the message
_BAD = [
    ("", "events: {}", 1, "events", "unknown key, expected one of context, header, enum, event"),
    ("", "event: [A]", 1, "event", "must be a mapping"),
    ("", "[event]", 1, "", "must be a mapping"),
    ("event", "A: {}", 2, "event.A", "id is missing"),
    ("event", "A:", 2, "event.A", "id is missing"),
    ("event", "A: {id: }", 2, "event.A.id", "must be an integer"),
    ("event", "A: {id: '1'}", 2, "event.A.id", "must be an integer, not '1'"),
    ("event", "A: {id: 1.0}", 2, "event.A.id", "must be an integer"),
    ("event", "A: {id: true}", 2, "event.A.id", "must be an integer"),
    ("event", "A: {id: 010}", 2, "event.A.id", "must be an integer"),
    ("event", "A: {id: [1]}", 2, "event.A.id", "must be an integer, not a list"),
    ("event", "A: {id: 0}", 2, "event.A.id", "must be 1 to 536870911, not 0"),
    ("event", "A: {id: -1}", 2, "event.A.id", "must be 1 to 536870911"),
    ("event", "A: {id: 536870912}", 2, "event.A.id", "must be 1 to 536870911"),
    ("event", "A: {id: 19000}", 2, "event.A.id", "reserved by protobuf"),
    ("event", "A: {id: 19999}", 2, "event.A.id", "reserved by protobuf"),
    ("event", "A: {id: 1}|B: {id: 1}", 3, "event.B.id", "taken by event.A.id in line 2"),
    ("event", "A: {id: 1}|A: {id: 2}", 3, "event.A", "duplicate key, first used in line 2"),
    ("event", "A: {id: 1, propertys: }", 2, "event.A.propertys", "unknown key"),
    ("event", "A: {id: 1, is_deprecated: 1}", 2, "event.A.is_deprecated", "true or false"),
    ("event", "A: {id: 1, description: {}}", 2, "event.A.description", "must be text"),
    ("event", 'A: {id: 1, description: "\\ud800"}', 2, "event.A.description", "is not Unicode"),
    ("event", "A-B: {id: 1}", 2, "event.'A-B'", "is no usable name"),
    ("event", "_A: {id: 1}", 2, "event._A", "is no usable name"),
    ("event", "Ä: {id: 1}", 2, "event.Ä", "is no usable name"),
    ("event", '"A\\nB": {id: 1}', 2, "event.'A\\nB'", "is no usable name"),
    ("event", "? [A]|: {id: 1}", 2, "event.'?'", "must be plain text"),
    ("event", "AB: {id: 1}|A_B: {id: 2}", 3, "event.A_B", "the table f_a_b is already taken"),
    ("event", "HeaderMessage: {id: 1}", 2, "event.HeaderMessage", "EventHeaderMessage would"),
    ("event", "PayloadMessage: {id: 1}", 2, "event.PayloadMessage", "would hide"),
    ("context", "UserId: {id: 1}|User_id: {id: 2}", 3, "context.User_id", "field user_id"),
    ("context", "A1: {id: 1}|A_1: {id: 2}", 3, "context.A_1", "the JSON name a1"),
    ("properties", "p: {id: 1}", 5, ".p", "type is missing"),
    ("properties", "p: {id: 1, type: float}", 5, ".p.type", "'float', did you mean decimal?"),
    ("properties", "p: {id: 1, type: Date}", 5, ".p.type", "'Date', did you mean timestamp?"),
    ("properties", "p: {id: 1, type: strin}", 5, ".p.type", "did you mean string?"),
    ("properties", "p: {id: 1, type: int}", 5, ".p.type", "did you mean integer?"),
    ("properties", "p: {id: 1, type: xyz}", 5, ".p.type", "'xyz', expected one of boolean, dec"),
    ("properties", "p: {id: 1, type: }", 5, ".p.type", "unknown type"),
    ("properties", "p: {id: 1, type: enum}", 5, ".p", "needs enum"),
    ("properties", "p: {id: 1, type: enum, enum: X}", 5, ".p.enum", "unknown enum 'X'"),
    ("properties", "p: {id: 1, type: string, enum: X}", 5, ".p.enum", "type enum only"),
    ("properties", "p: {id: 1, type: decimal}", 5, ".p", "needs decimal: {precision, scale}"),
    ("properties", "p: {id: 1, type: string, decimal: {}}", 5, ".p.decimal", "decimal only"),
    (
        "properties",
        "p: {id: 1, type: decimal, decimal: {precision: 5}}",
        *(5, ".p.decimal", "scale is missing"),
    ),
    (
        "properties",
        "p: {id: 1, type: decimal, decimal: {precision: 39, scale: 0}}",
        *(5, ".p.decimal.precision", "must be 1 to 38, not 39"),
    ),
    (
        "properties",
        "p: {id: 1, type: decimal, decimal: {precision: 0, scale: 0}}",
        *(5, ".p.decimal.precision", "must be 1 to 38, not 0"),
    ),
    (
        "properties",
        "p: {id: 1, type: decimal, decimal: {precision: 5, scale: 6}}",
        *(5, ".p.decimal.scale", "must be 0 to the precision, 5, not 6"),
    ),
    (
        "properties",
        "p: {id: 1, type: decimal, decimal: {precision: 5, scale: -1}}",
        *(5, ".p.decimal.scale", "must be 0 to the precision"),
    ),
    (
        "properties",
        "p: {id: 1, type: string, is_repeated: true, is_map: true}",
        *(5, ".p", "exclude each other"),
    ),
    ("properties", "__init__: {id: 1, type: string}", 5, ".__init__", "is no usable name"),
    ("properties", "Clear: {id: 1, type: string}", 5, ".Clear", "attribute of every protobuf"),
    (
        "properties",
        "class: {id: 1, type: string}|class_: {id: 2, type: string}",
        *(6, ".class_", "the Python parameter class_ is already taken by"),
    ),
    (
        "properties",
        "ab: {id: 1, type: string}|aB: {id: 2, type: string}",
        *(6, ".aB", "the column ab is already taken by"),
    ),
    (
        "properties",
        "a_b: {id: 1, type: string}|aB: {id: 2, type: string}",
        *(6, ".aB", "the JSON name aB is already taken by"),
    ),
    (
        "properties",
        "a_b: {id: 1, type: string, is_map: true}|AB: {id: 2, type: string, is_map: true}",
        *(6, ".AB", "the protobuf name ABEntry is already taken by"),
    ),
    (
        "properties",
        "a: {id: 1, type: string, is_map: true}|AEntry: {id: 2, type: string}",
        *(6, ".AEntry", "the protobuf name AEntry is already taken by"),
    ),
    (
        "properties",
        "a: {id: 1, type: string}|A_FIELD_NUMBER: {id: 2, type: string}",
        *(6, ".A_FIELD_NUMBER", "the protobuf name A_FIELD_NUMBER is already taken by"),
    ),
    ("enum", "E: {id: 1, values: [A]}", 2, "enum.E.values", "must be a mapping"),
    ("values", "A: {id: 0}", 5, ".A", "UNKNOWN, and no other value, has the id 0"),
    ("values", "UNKNOWN: {id: 1}", 5, ".UNKNOWN", "UNKNOWN, and no other value"),
    ("values", "A: {id: 1}|B: {id: 1}", 6, ".B.id", "is already taken by enum.E.values.A.id"),
    ("values", "A: {id: 9223372036854775808}", 5, ".A.id", "must be -9223372036854775808 to"),
    ("values", "None: {id: 1}", 5, ".None", "member of a Python enum"),
    ("values", "mro: {id: 1}", 5, ".mro", "member of a Python enum"),
    ("values", "A: {id: 1, is_deprecated: 1}", 5, ".A.is_deprecated", "true or false"),
]


@pytest.mark.parametrize(
    ("place", "fragment", "line", "path", "message"), _BAD, ids=[bad[1] for bad in _BAD]
)
def test_one_problem_with_its_place(
    file: Path, place: str, fragment: str, line: int, path: str, message: str
) -> None:
    around = _AROUND[place]
    depth = len(around.rpartition("\n")[2]) - len("{}")
    (problem,) = problems(file, around.format(fragment.replace("|", "\n" + " " * depth)))
    assert problem.line == line
    assert problem.path.endswith(path) if path.startswith(".") else problem.path == path
    assert message in problem.message
    prefix = f"{file}:{line}: {problem.path}: " if path else f"{file}:{line}: "
    assert str(problem) == prefix + problem.message


def test_a_misspelled_enum_is_named(file: Path) -> None:
    (problem,) = problems(
        file,
        """enum: {Theme: {id: 1}, PaymentResult: {id: 2}}
event: {A: {id: 1, properties: {p: {id: 1, type: enum, enum: paymentResults}}}}
""",
    )
    assert problem.message == "unknown enum 'paymentResults', did you mean PaymentResult?"


def test_all_problems_are_reported_in_the_order_of_the_file(file: Path) -> None:
    found = problems(
        file,
        """event:
  PageOpen:
    id: 1
    properties:
      page_id: {id: 1, type: strin}
      title: {type: enum, enum: Missing}
enum:
  Theme: {id: one, values: {DARK: {}}}
context:
  a b: {id: 1}
""",
    )
    assert [(problem.line, problem.path) for problem in found] == [
        (5, "event.PageOpen.properties.page_id.type"),
        (6, "event.PageOpen.properties.title"),
        (6, "event.PageOpen.properties.title.enum"),
        (8, "enum.Theme.id"),
        (8, "enum.Theme.values.DARK"),
        (10, "context.'a b'"),
    ]
    assert str(SchemaError(found)).splitlines() == [str(problem) for problem in found]


def test_a_broken_enum_is_not_also_unknown_where_it_is_used(file: Path) -> None:
    text = """
enum: {Theme: {values: {}}}
event: {A: {id: 1, properties: {theme: {id: 1, type: enum, enum: Theme}}}}
"""
    assert [problem.path for problem in problems(file, text)] == ["enum.Theme"]


_ALIAS_BOMB = (
    "event:\n  A: {id: 1, properties: &p {"
    + ", ".join(f"p{i}: {{id: {i + 1}, type: string}}" for i in range(MAX_PROPERTIES))
    + "}}\n"
    + "".join(f"  B{i}: {{id: {i + 2}, properties: *p}}\n" for i in range(1_000))
)


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"", 0, "is empty"),
        (b"# nothing\n", 0, "is empty"),
        (b"event:\n\tA: 1", 2, "cannot start any token"),
        (b"event: {", 1, "YAML error"),
        (b"event:\n  A: 'x", 2, "YAML error"),
        (b"a: 1\n---\nb: 2\n", 2, "another document"),
        (b"event: *x", 1, "undefined alias"),
        (b"event:\n  \xff", 2, "is not UTF-8"),
        (b"event:\n \0", 2, "special characters"),
        (b"event: " + b"[" * 20_000, 0, "nested too deeply"),
        (b"#" * (MAX_FILE_BYTES + 1), 0, "is larger than"),
        (_ALIAS_BOMB.encode(), 68, "more than 200000 values"),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else None,
)
def test_a_file_that_is_no_usable_yaml(file: Path, data: bytes, line: int, message: str) -> None:
    (problem,) = problems(file, data)
    assert (problem.line, message in problem.message) == (line, True), problem
    assert "\n" not in str(problem)


def test_an_alias_to_itself_ends(file: Path) -> None:
    assert problems(file, "event: &a {A: *a}")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.yaml"):
        with pytest.raises(SchemaError, match="cannot be read"):
            load_schema(path)


def test_more_properties_than_a_message_holds(file: Path) -> None:
    members = ", ".join(f"p{i}: {{id: {i + 1}, type: string}}" for i in range(MAX_PROPERTIES + 1))
    (problem,) = problems(file, f"event: {{A: {{id: 1, properties: {{{members}}}}}}}")
    assert "has 1001 members, at most 1000" in problem.message


_words = st.sampled_from(
    ["a", "A", "_", "1", "b", "Entry", "entry", "class", "self", "FIELD_NUMBER", "Clear", "value"]
)
_colliding_names = st.lists(_words, min_size=1, max_size=3).map("".join)
_colliding_properties = st.dictionaries(
    _colliding_names,
    st.fixed_dictionaries({"type": st.just("string"), "is_map": st.booleans()}),
    min_size=2,
    max_size=5,
)


@settings(deadline=None, max_examples=150)
@given(groups=st.dictionaries(_colliding_names, _colliding_properties, min_size=1, max_size=3))
def test_what_loads_generates_even_if_names_nearly_collide(
    file: Path, groups: dict[str, dict[str, dict[str, object]]]
) -> None:
    section = "".join(
        f"  {group}: {{id: {i}, properties: {{"
        + ", ".join(
            f"{name}: {{id: {j}, type: string, is_map: {str(prop['is_map']).lower()}}}"
            for j, (name, prop) in enumerate(properties.items(), 1)
        )
        + "}}\n"
        for i, (group, properties) in enumerate(groups.items(), 1)
    )
    values = "".join(f"    {name}: {{id: {i}}}\n" for i, name in enumerate(groups, 1))
    document = f"context:\n{section}header:\n{section}event:\n{section}"
    try:
        schema = load(file, document)
    except SchemaError:
        schema = Schema()
    try:
        enums = load(file, f"enum:\n  E:\n   id: 1\n   values:\n{values}").enums
    except SchemaError:
        enums = ()
    with generated(Schema(schema.context, schema.header, enums, schema.events)) as module:
        for event in schema.events:
            made = getattr(module, f"Event{event.name}")()
            assert made.serialize_payload()


@settings(deadline=None, max_examples=150)
@given(data=st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_arbitrary_bytes_are_a_schema_or_a_schema_error(file: Path, data: bytes) -> None:
    with suppress(SchemaError):
        load(file, data)


def test_snake_case() -> None:
    names = ["PageOpen", "HTTPError", "OpenHTTP", "A", "Os", "Page2Open", "already_snake", "A_B"]
    assert [snake_case(name) for name in names] == [
        *("page_open", "h_t_t_p_error", "open_h_t_t_p", "a", "os", "page2_open", "already_snake"),
        "a_b",
    ]
