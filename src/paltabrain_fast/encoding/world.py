"""The world that generated code is run in: it finds recorders there, and can reach nothing else.

A copy of the code is run, so that no debugger stops in it, and what the interpreter learns of the
recorders' types does not slow down the original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from opcode import opmap
from types import CellType, CodeType, FunctionType, MappingProxyType, ModuleType
from typing import Any, Final, NamedTuple
from weakref import ref

from google.protobuf.message import Message

from ..values import set_proto
from .recorders import (
    BUILTINS,
    SET_PROTO,
    Function,
    MessageClassRole,
    Recorder,
    RefusedError,
    Role,
    Run,
    role_of,
)

__all__ = ["Binding", "Self", "World", "attribute_of", "has_defaults", "still_bound"]

_ABSENT: Final = object()

# By identity or by type, code could tell a recorder from a value. Where it catches exceptions, a
# refusal could be lost. The rest reaches out of its world.
_REFUSED: Final = re.compile(
    r"IS_OP|.*_IF_(NOT_)?NONE|MATCH_.*|GET_LEN|PUSH_EXC_INFO|BEFORE_.*WITH|LOAD_SPECIAL"
    r"|IMPORT_.*|(STORE|DELETE)_(GLOBAL|NAME)|LOAD_(BUILD_CLASS|NAME|LOCALS|FROM_DICT_OR_.*)"
    r"|SETUP_ANNOTATIONS|YIELD_VALUE|SEND|GET_A.*"
)
_REFUSED_OPCODES: Final = {code for name, code in opmap.items() if _REFUSED.fullmatch(name)}
_LOOP: Final = opmap["FOR_ITER"]
_CALCULATION: Final = opmap["BINARY_OP"]
_SUBSCRIPT: Final = 26  # the calculation that is one from CPython 3.14 on; none before

_ODD_FLAGS: Final = 0x04 | 0x08 | 0x20 | 0x80 | 0x100 | 0x200
"""Of code that takes any number of arguments, or is a generator or a coroutine."""

_CONSTANTS: Final = (str, int, bool, bytes, type(None))


class Binding(NamedTuple):
    """What a name in a module must stand for, as long as what was recognised is to hold.

    Attributes:
        namespace: the module's.
        name: the name.
        value: its value; for a function a weak reference to it, since it keeps its module alive.
    """

    namespace: dict[str, Any]
    name: str
    value: object


def still_bound(namespace: dict[str, Any], name: str, value: object) -> bool:
    """Tell whether a name still stands for the value of a ``Binding``."""
    expected = value() if type(value) is ref else value
    return namespace.get(name, _ABSENT) is expected


def attribute_of(owner: type, name: str) -> Any:
    """Return what an instance finds on its class, descriptors as they are; ``None`` if nothing."""
    for base in owner.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return None


class World:
    """Where code is run.

    Attributes:
        run: the present run.
        bindings: what was looked up in modules.
        functions: what was run.
        names: attributes of the class that were used.

    Args:
        owner: the class whose methods are run.
        extras: recorders by the name of the builtin that they stand for, beside the usual ones.
        shown_class: returns what stands for a class that the code finds, if it may be used.
    """

    def __init__(
        self,
        owner: type,
        extras: Mapping[str, Recorder] = MappingProxyType({}),
        shown_class: Callable[[type], Recorder | None] | None = None,
    ) -> None:
        self.run = Run()
        self.bindings: list[Binding] = []
        self.functions: list[FunctionType] = []
        self.names: set[str] = set()
        self._owner = owner
        self._extras = extras
        self._shown_class = shown_class
        self._entered: dict[FunctionType, FunctionType] = {}

    def enter(self, function: FunctionType) -> FunctionType:
        """Return the function as it is in this world.

        Raises:
            RefusedError: its code could do what must not be done here.
        """
        entered = self._entered.get(function)
        if entered is None:
            code, closure = function.__code__, None
            if code.co_freevars:
                if code.co_freevars != ("__class__",):
                    raise RefusedError("it uses a variable of a function around it")
                closure = (CellType(Recorder(_Class(self))),)
            copy = code.replace(co_filename="<recorded>", co_name="recorded")
            found: dict[str, Any] = {"__builtins__": {}}
            entered = FunctionType(copy, found, closure=closure)
            self._entered[function] = entered  # before its names, of which it may be one
            self.functions.append(function)
            found.update(self._names_of(function.__globals__, _checked_names(code)))
        return entered

    def constant(self, name: str) -> str | int:
        """Return a constant of the class."""
        value = attribute_of(self._owner, name)
        if type(value) is not str and type(value) is not int:
            raise RefusedError(f"it reads {name}")
        self.names.add(name)
        return value

    def method(self, name: str) -> FunctionType | None:
        """Return another method of the class as it is in this world, if there is one."""
        function = attribute_of(self._owner, name)
        if type(function) is not FunctionType or has_defaults(function):
            return None
        self.names.add(name)
        return self.enter(function)

    def _names_of(self, namespace: dict[str, Any], names: set[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in names:
            value = namespace.get(name, _ABSENT)
            shown = self._builtin(name) if value is _ABSENT else self._shown(value, namespace)
            if shown is not _ABSENT:
                found[name] = shown
                kept = ref(value) if type(value) is FunctionType else value
                self.bindings.append(Binding(namespace, name, kept))
        return found

    def _builtin(self, name: str) -> object:
        if name in self._extras:
            return self._extras[name]
        return _TYPE if name == "type" else BUILTINS.get(name, _ABSENT)

    def _shown(self, value: Any, namespace: dict[str, Any]) -> object:
        """Return what stands for a value that the code finds in a module."""
        if value is set_proto:
            return SET_PROTO
        if isinstance(value, type):
            if issubclass(value, Message):
                return Recorder(MessageClassRole(self.run, value))
            shown = None if self._shown_class is None else self._shown_class(value)
            return _ABSENT if shown is None else shown
        if type(value) is FunctionType:
            known = value.__globals__ is namespace and not has_defaults(value)
            return self.enter(value) if known else _ABSENT
        if type(value) is ModuleType:
            return Recorder(_Module(self, value))
        return value if type(value) in _CONSTANTS else _ABSENT

    def in_module(self, module: ModuleType, name: str) -> object:
        """Return what stands for a name in a module that the code finds."""
        return self._names_of(vars(module), {name}).get(name, _ABSENT)


class Self(Role):
    """The object that a method is called on.

    Args:
        world: where the method runs.
        shown: recorders by the name of the attribute that they stand for.
    """

    def __init__(self, world: World, shown: Mapping[str, Recorder]) -> None:
        self._world = world
        self._shown = shown

    def attribute(self, name: str) -> Any:
        if name in self._shown:
            return self._shown[name]
        if name == "__class__":
            return Recorder(_Class(self._world))
        method = self._world.method(name)
        if method is None:
            return self._world.constant(name)
        return Recorder(
            Function(lambda *args, **keywords: method(Recorder(self), *args, **keywords))
        )


class _Class(Role):
    """The class of the object."""

    def __init__(self, world: World) -> None:
        self._world = world

    def attribute(self, name: str) -> Any:
        return self._world.constant(name)


class _Module(Role):
    def __init__(self, world: World, module: ModuleType) -> None:
        self._world = world
        self._module = module

    def attribute(self, name: str) -> Any:
        found = self._world.in_module(self._module, name)
        return super().attribute(name) if found is _ABSENT else found


def _type(instance: Any) -> Any:
    if type(instance) is Recorder and isinstance(role_of(instance), Self):
        return role_of(instance).attribute("__class__")
    raise RefusedError("it asks for the type of a value")


_TYPE: Final = Recorder(Function(_type))


def has_defaults(function: FunctionType) -> bool:
    """Tell whether a function has parameters that may be left out."""
    return bool(function.__defaults__ or function.__kwdefaults__)


def _checked_names(code: CodeType) -> set[str]:
    """Return the names that the code uses.

    Raises:
        RefusedError: it could tell a recorder from a value, or reach out of its world.
    """
    if code.co_flags & _ODD_FLAGS:
        raise RefusedError("it is no plain function")
    opcodes, arguments = code.co_code[::2], code.co_code[1::2]
    found = set(opcodes)
    if found & _REFUSED_OPCODES:
        raise RefusedError("it tests identity or type, catches exceptions, imports or the like")
    if _LOOP in found and any(
        opcode == _CALCULATION and argument != _SUBSCRIPT
        for opcode, argument in zip(opcodes, arguments, strict=True)
    ):
        raise RefusedError("it calculates in a loop")  # it might count
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _checked_names(constant)
    for name in names:
        if name.startswith("__") and name not in ("__init__", "__class__"):
            raise RefusedError(f"it uses {name}")
    return names
