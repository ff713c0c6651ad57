"""Recognises generated code: proves that a function does just what the generator's template does.

A function is recognised if the running interpreter compiles the template, filled in with the
function's own names, to the same code object in every respect that can change what it does:
bytecode, constants, names, variables, cells, flags, exception table. Whatever differs, however
little, is left to run as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, EnumMeta, IntEnum
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, Final

from google.protobuf.message import Message

from .values import set_proto

__all__ = [
    "GeneratedContext",
    "GeneratedEvent",
    "NotGeneratedError",
    "is_plain_enum",
    "keyword_init",
    "keyword_setter",
    "recognise_context",
    "recognise_event",
    "still_bound",
]

_SERIALIZERS: Final = {
    "serialize_context": """\
    def serialize_context({0}):
        {1} = ContextMessage()
        for {2}, {3} in {0}._context.items():
            set_proto(getattr({1}, {2}), {3})
        return {1}.SerializeToString(deterministic=True)
""",
    "serialize_header": """\
    def serialize_header({0}):
        if not {0}._header:
            return b""
        {1} = EventHeaderMessage()
        for {2}, {3} in {0}._header.items():
            set_proto(getattr({1}, {2}), {3})
        return {1}.SerializeToString()
""",
    "serialize_payload": """\
    def serialize_payload({0}):
        {1} = EventPayloadMessage()
        {2} = getattr({1}, f"event_{{{0}.event_type_id}}")
        {2}.SetInParent()
        set_proto({2}, {0}._payload)
        return {1}.SerializeToString()
""",
}

_MESSAGES: Final = {
    "serialize_context": "ContextMessage",
    "serialize_header": "EventHeaderMessage",
    "serialize_payload": "EventPayloadMessage",
}

_CODE_ATTRIBUTES: Final = (
    "co_argcount",
    "co_posonlyargcount",
    "co_kwonlyargcount",
    "co_nlocals",
    "co_stacksize",
    "co_flags",
    "co_code",
    "co_names",
    "co_varnames",
    "co_freevars",
    "co_cellvars",
    "co_exceptiontable",
)
"""All but where the code stands, what it is called, and its constants, which are compared apart."""


_MODULE: Final = """\
from paltabrain_sdk import BaseSentinel, set_proto
from .config_v2_pb2 import ContextMessage, EventHeaderMessage, EventPayloadMessage
class Template:
"""
"""What stands around a template: compilers treat a name otherwise that the module imports."""


class NotGeneratedError(Exception):
    """A class is not as the generator writes it; the text says in what."""


@dataclass(frozen=True, slots=True)
class GeneratedEvent:
    """What a recognised event class serializes to.

    Attributes:
        serializers: ``serialize_header`` and ``serialize_payload``.
        messages: the message class that each of them fills.
        member: name of the payload's member for this event.
    """

    serializers: tuple[FunctionType, FunctionType]
    messages: tuple[type[Message], type[Message]]
    member: str


@dataclass(frozen=True, slots=True)
class GeneratedContext:
    """What a recognised context class serializes to.

    Attributes:
        serializers: ``serialize_context``.
        messages: the message class that it fills.
    """

    serializers: tuple[FunctionType]
    messages: tuple[type[Message]]


def recognise_event(event_class: type, base: type) -> GeneratedEvent:
    """Prove an event class generated.

    Args:
        event_class: the class.
        base: the native base, whose ``_header`` and ``_payload`` the class must have.

    Raises:
        NotGeneratedError: it is not, or not any more.
    """
    _check_attributes(event_class, base, ("_header", "_payload"))
    header, header_message = _serializer(event_class, "serialize_header")
    payload, payload_message = _serializer(event_class, "serialize_payload")
    number = _attribute(event_class, "event_type_id")
    if type(number) is not int:
        raise NotGeneratedError("event_type_id is no int")
    member = f"event_{number}"
    if member not in payload_message.DESCRIPTOR.fields_by_name:
        raise NotGeneratedError(f"EventPayload has no {member}")
    return GeneratedEvent((header, payload), (header_message, payload_message), member)


def recognise_context(context_class: type, base: type) -> GeneratedContext:
    """Prove a context class generated; see ``recognise_event``."""
    _check_attributes(context_class, base, ("_context",))
    serializer, message = _serializer(context_class, "serialize_context")
    return GeneratedContext((serializer,), (message,))


def still_bound(function: FunctionType, message: type[Message]) -> bool:
    """Tell whether a recognised function still finds the same names in its module."""
    namespace = function.__globals__
    return (
        namespace.get("set_proto") is set_proto
        and namespace.get(_MESSAGES[function.__code__.co_name]) is message
        and "getattr" not in namespace
    )


def keyword_init(owner: type, function: object) -> dict[str, str] | None:
    """Recognise an ``__init__`` that only assigns its keywords to ``_payload``.

    Returns:
        Key by parameter, ``None`` if it does anything else, or does it in any other way.
    """
    keys = _keyword_mapping(function)
    if keys is None or not isinstance(function, FunctionType):
        return None
    body = "super().__init__()"
    if keys:
        body += f"\n        self._payload = {_dict_display(keys)}"
    if "super" in function.__globals__ or not _has_template(function, body, "__init__", keys):
        return None
    defaults = function.__kwdefaults__ or {}
    if list(defaults) != list(keys) or any(value is not None for value in defaults.values()):
        return None
    closure = function.__closure__
    if closure is None or len(closure) != 1 or closure[0].cell_contents is not owner:
        return None
    return keys


def keyword_setter(
    attribute: str, function: object, sentinel_class: type
) -> tuple[str, dict[str, str]] | None:
    """Recognise a ``set_<group>`` that only updates its group with the keywords that were given.

    Args:
        attribute: where the groups are: ``_header`` or ``_context``.
        function: what may be such a setter.
        sentinel_class: class of the value that stands for "not given".

    Returns:
        The group, and key by parameter; ``None`` if it does anything else.
    """
    keys = _keyword_mapping(function)
    if keys is None or not isinstance(function, FunctionType):
        return None
    name = function.__code__.co_name
    group = name.removeprefix("set_")
    body = (
        f"self.{attribute}[{group!r}].update(\vBaseSentinel.filter(\v{_dict_display(keys)}\v)\v)"
        "\n        return self"
    )
    if not name.isidentifier() or not _has_template(function, body, name, keys):
        return None
    defaults = function.__kwdefaults__ or {}
    if list(defaults) != list(keys) or not all(
        isinstance(value, sentinel_class) for value in defaults.values()
    ):
        return None
    named = function.__globals__.get("BaseSentinel")
    if not isinstance(named, type) or named.__dict__.keys() & {"filter"}:
        return None
    if function.__closure__ or not issubclass(named, sentinel_class):
        return None
    return group, keys


def is_plain_enum(enum_class: type) -> bool:
    """Tell whether each member of an ``IntEnum`` is, as an integer, its ``value``."""
    return (
        type(enum_class) is EnumMeta
        and issubclass(enum_class, IntEnum)
        and _attribute(enum_class, "value") is Enum.__dict__["value"]
        and all(
            type(member.value) is int and int.__index__(member) == member.value
            for member in enum_class.__members__.values()
        )
    )


def _attribute(owner: type, name: str) -> Any:
    """What an instance finds on its class, descriptors as they are."""
    for base in owner.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


def _check_attributes(owner: type, base: type, names: Iterable[str]) -> None:
    if not issubclass(owner, base):
        raise NotGeneratedError("it is not built on paltabrain_fast's base classes")
    if _attribute(owner, "__getattribute__") is not object.__dict__["__getattribute__"]:
        raise NotGeneratedError("it has a __getattribute__ of its own")
    for name in names:
        if _attribute(owner, name) is not base.__dict__[name]:
            raise NotGeneratedError(f"it has a {name} of its own")


def _serializer(owner: type, name: str) -> tuple[FunctionType, type[Message]]:
    function = _attribute(owner, name)
    if (
        type(function) is not FunctionType
        or function.__defaults__
        or function.__kwdefaults__
        or not _is_serializer(function.__code__, name)
    ):
        raise NotGeneratedError(f"{name}() is not as the generator writes it")
    message = function.__globals__.get(_MESSAGES[name])
    if not (isinstance(message, type) and issubclass(message, Message)):
        raise NotGeneratedError(f"{name}() has no {_MESSAGES[name]}")
    if not still_bound(function, message):
        raise NotGeneratedError(f"{name}() does not use paltabrain_fast's set_proto()")
    return function, message


@lru_cache(maxsize=256)
def _is_serializer(code: CodeType, name: str) -> bool:
    source = _SERIALIZERS[name]
    variables = code.co_varnames
    # "{4}" and beyond do not occur: as many variables as the template has, or it is another
    if not all(map(str.isidentifier, variables)) or len(set(variables)) != len(variables):
        return False
    try:
        filled = source.format(*variables)
    except IndexError:
        return False
    return any(_same(code, template) for template in _compiled(filled, name, code))


def _keyword_mapping(function: object) -> dict[str, str] | None:
    """Key by parameter, if there are none but keywords; only a guess, which the template proves."""
    if type(function) is not FunctionType or function.__defaults__:
        return None
    code = function.__code__
    if code.co_argcount != 1 or code.co_nlocals != 1 + code.co_kwonlyargcount:
        return None
    if code.co_varnames[0] != "self":
        return None
    constants = set(_strings(code.co_consts))
    keys = {}
    for parameter in code.co_varnames[1:]:
        if not parameter.isidentifier():
            return None
        plain = parameter[:-1] if parameter.endswith("_") else parameter
        keys[parameter] = parameter if parameter in constants else plain
    return keys if len(set(keys.values())) == len(keys) else None


def _strings(constants: Iterable[object]) -> Iterable[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple):
            yield from _strings(constant)


def _dict_display(keys: dict[str, str]) -> str:
    """Source of the properties. A vertical tab is where a line may end, or not."""
    return "{\v" + ",\v".join(f"{key!r}: {parameter}" for parameter, key in keys.items()) + "\v}"


def _has_template(function: FunctionType, body: str, name: str, keys: dict[str, str]) -> bool:
    """Compare with the template on few lines and on many: compilers join instructions of a line."""
    parameters = ", ".join(["self", *(["*"] if keys else []), *keys])
    source = f"    def {name}({parameters}):\n        {body}"
    code = function.__code__
    return any(
        _same(code, template)
        for line_end in (" ", "\n")
        for template in _compiled(source.replace("\v", line_end), name, code)
    )


def _compiled(source: str, name: str, code: CodeType) -> Iterable[CodeType]:
    """The template without a docstring, and with that of ``code``, if it may have one."""
    head, _, body = source.partition(":\n")
    sources = [source]
    if code.co_consts and isinstance(code.co_consts[0], str):
        sources.append(f"{head}:\n        {code.co_consts[0]!r}\n{body}")
    for text in sources:
        try:
            module = compile(_MODULE + text, "<template>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError):  # a parameter that no source can have
            continue
        (template,) = (item for item in module.co_consts if isinstance(item, CodeType))
        yield from (
            item
            for item in template.co_consts
            if isinstance(item, CodeType) and item.co_name == name
        )


def _same(code: CodeType, template: CodeType) -> bool:
    return all(
        getattr(code, attribute) == getattr(template, attribute) for attribute in _CODE_ATTRIBUTES
    ) and repr(code.co_consts) == repr(template.co_consts)
