"""The world that generated code is run in: it finds recorders there, and can reach nothing else.

A copy of the code is run, so that no debugger stops in it, and what the interpreter learns of the
recorders' types does not slow down the original.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from opcode import opmap
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MappingProxyType,
    ModuleType,
)
from typing import Any, Final, NamedTuple
from weakref import ref

from google.protobuf.message import Message

from .recorders import (
    Function,
    MessageClassRole,
    Recorder,
    RefusedError,
    Role,
    Run,
    role_of,
)
from .stand_ins import BUILTINS, SET_PROTO
from .values import set_proto

__all__ = [
    "Binding",
    "ClassRole",
    "Self",
    "World",
    "attribute_of",
    "has_constant_defaults",
    "is_constant",
    "still_bound",
]

_ABSENT: Final = object()

# By identity or by type, code could tell a recorder from a value. Where it catches exceptions, a
# refusal could be lost. The rest reaches out of its world.
_REFUSED: Final = re.compile(
    r"IS_OP|MATCH_.*|GET_LEN|PUSH_EXC_INFO|BEFORE_.*WITH|LOAD_SPECIAL"
    r"|IMPORT_.*|(STORE|DELETE)_(GLOBAL|NAME)|LOAD_(BUILD_CLASS|NAME|LOCALS|FROM_DICT_OR_.*)"
    r"|SETUP_ANNOTATIONS|SEND|GET_A.*"
)


def _opcodes(pattern: re.Pattern[str]) -> frozenset[int]:
    return frozenset(code for name, code in opmap.items() if pattern.fullmatch(name))


_REFUSED_OPCODES: Final = _opcodes(_REFUSED)
_TESTS_FOR_NONE: Final = _opcodes(re.compile(r".*_IF_(NOT_)?NONE"))
_CACHE: Final = opmap["CACHE"]
_EXTENDED: Final = opmap["EXTENDED_ARG"]
_FOR: Final = opmap["FOR_ITER"]
_JUMPS_BACK: Final = _opcodes(re.compile(r".*JUMP_BACKWARD.*"))

_ANY_ARGUMENTS: Final = 0x04 | 0x08
_GENERATOR: Final = 0x20
_COROUTINE: Final = 0x80 | 0x100 | 0x200

_CONSTANTS: Final = (str, int, bool, bytes, type(None))


class Binding(NamedTuple):
    """What a name in a module must stand for, as long as what was recognised is to hold.

    Attributes:
        namespace: the module's.
        name: the name.
        value: its value; a weak reference to what may keep its module alive.
    """

    namespace: dict[str, Any]
    name: str
    value: object


def still_bound(namespace: dict[str, Any], name: str, value: object) -> bool:
    """Tell whether a name still stands for the value of a ``Binding``."""
    found = namespace.get(name, _ABSENT)
    if type(value) is ref:
        expected = value()
        return expected is not None and found is expected
    return found is value


def is_constant(binding: Binding, constant: type = type) -> bool:
    """Tell whether a name is that of a builtin, a class, or an object of the constant type."""
    value = binding.value() if type(binding.value) is ref else binding.value
    return value is _ABSENT or isinstance(value, (type, constant))


def attribute_of(owner: type, name: str, default: object = None) -> Any:
    """Return what an instance finds on its class, descriptors as they are."""
    for base in owner.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return default


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
        shown: returns what stands for something else that the code finds, if it may be used.
        never_none: what stands behind the recorders is never ``None``.
    """

    def __init__(
        self,
        owner: type,
        extras: Mapping[str, Recorder] = MappingProxyType({}),
        shown: Callable[[object], Recorder | None] = lambda _: None,
        never_none: bool = True,
    ) -> None:
        self.run = Run()
        self.bindings: list[Binding] = []
        self.functions: list[FunctionType] = []
        self.names: set[str] = set()
        self._owner = owner
        self._extras = extras
        self._shown_else = shown
        self._refused = _REFUSED_OPCODES | (frozenset() if never_none else _TESTS_FOR_NONE)
        self._entered: dict[FunctionType, FunctionType] = {}

    def enter(self, function: FunctionType) -> FunctionType:
        """Return the function as it is in this world.

        Raises:
            RefusedError: its code could do what must not be done here.
        """
        entered = self._entered.get(function)
        if entered is None:
            code, closure = function.__code__, None
            if getattr(function, "__builtins__") is not vars(builtins):  # noqa: B009
                raise RefusedError("it has builtins of its own")
            if code.co_freevars:
                (cell,) = function.__closure__ or (CellType(),)
                if code.co_freevars != ("__class__",):
                    raise RefusedError("it uses a variable of a function around it")
                closure = (CellType(self.class_of(cell.cell_contents)),)
            copy = code.replace(co_filename="<recorded>", co_name="recorded")
            found: dict[str, Any] = {"__builtins__": {}}
            entered = FunctionType(copy, found, closure=closure)
            entered.__defaults__ = function.__defaults__
            entered.__kwdefaults__ = function.__kwdefaults__
            self._entered[function] = entered  # before its names, of which it may be one
            self.functions.append(function)
            names = _checked_names(code, self._refused)
            found.update(self._names_of(function.__globals__, names))
        return entered

    def class_of(self, found: type) -> Recorder:
        """Return what stands for a class that the object is an instance of."""
        if found not in self._owner.__mro__:
            raise RefusedError("it was written for another class")
        return Recorder(ClassRole(self, found))

    def member(self, name: str, cls: type | None = None, instance: Role | None = None) -> Any:
        """Return what stands for an attribute of a class.

        Args:
            name: its name.
            cls: the class, by default that of the object.
            instance: the object, if it is asked for the attribute.
        """
        cls = self._owner if cls is None else cls
        if instance is None and attribute_of(type(cls), name) is not None:
            raise RefusedError(f"it reads {name} of a class")
        value = attribute_of(cls, name, _ABSENT)
        self.names.add(name)
        if type(value) is staticmethod:
            value = value.__func__
            if type(value) is FunctionType:
                return self._helper(value)
        elif type(value) is classmethod and type(value.__func__) is FunctionType:
            return self._helper(value.__func__, Recorder(ClassRole(self, cls)))
        elif type(value) is FunctionType:
            return self._helper(value, *([] if instance is None else [Recorder(instance)]))
        elif type(value) is property and type(value.fget) is FunctionType and instance is not None:
            return self.enter(value.fget)(Recorder(instance))
        shown = self._shown(value, {})
        if shown is _ABSENT:
            raise RefusedError(f"it reads {name}")
        return shown

    def _helper(self, function: FunctionType, *first: Recorder) -> Recorder:
        if function is set_proto:
            if first:
                raise RefusedError("it calls set_proto() as a method")
            return SET_PROTO
        if not has_constant_defaults(function):
            raise RefusedError(f"{function.__name__}() has defaults that may change")
        entered = self.enter(function)
        return Recorder(Function(lambda *args, **keywords: entered(*first, *args, **keywords)))

    def _names_of(self, namespace: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in names:
            value = namespace.get(name, _ABSENT)
            shown = self._builtin(name) if value is _ABSENT else self._shown(value, namespace)
            if shown is not _ABSENT:
                found[name] = shown
                kept = ref(value) if _may_keep_module(value) else value
                self.bindings.append(Binding(namespace, name, kept))
        return found

    def _builtin(self, name: str) -> object:
        if name in self._extras:
            return self._extras[name]
        return _TYPE if name == "type" else BUILTINS.get(name, _ABSENT)

    def _shown(self, value: Any, namespace: dict[str, Any]) -> object:
        """Return what stands for a value that the code finds in a module or a class."""
        if value is set_proto:
            return SET_PROTO
        if isinstance(value, type) and issubclass(value, Message):
            return Recorder(MessageClassRole(self.run, value))
        if type(value) in (type, BuiltinFunctionType) and value in _NAMES:
            return self._builtin(_NAMES[value])
        if type(value) is FunctionType:
            known = value.__globals__ is namespace and has_constant_defaults(value)
            return self.enter(value) if known else _ABSENT
        if type(value) is ModuleType:
            return Recorder(_Module(self, value))
        if type(value) in _CONSTANTS:
            return value
        shown = self._shown_else(value)
        if shown is None and isinstance(value, type) and value in self._owner.__mro__:
            shown = self.class_of(value)
        return _ABSENT if shown is None else shown

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
            return Recorder(ClassRole(self._world))
        return self._world.member(name, instance=self)


class ClassRole(Role):
    """A class of the object.

    Attributes:
        cls: which; ``None`` for that of the object.
    """

    def __init__(self, world: World, cls: type | None = None) -> None:
        self._world = world
        self.cls = cls

    def attribute(self, name: str) -> Any:
        return self._world.member(name, self.cls)


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

_NAMES: Final[dict[object, str]] = {vars(builtins)[name]: name for name in (*BUILTINS, "type")}
"""The builtins, which may be found under other names, too."""


def has_constant_defaults(function: FunctionType) -> bool:
    """Tell whether all that a function may be called without is constant."""
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    return all(type(value) in _CONSTANTS for value in defaults)


def _may_keep_module(value: object) -> bool:
    if isinstance(value, type):
        return not issubclass(value, Message)
    return type(value) in (FunctionType, ModuleType)


def _checked_names(code: CodeType, refused: frozenset[int], nested: bool = False) -> set[str]:
    """Return the names that the code uses.

    Raises:
        RefusedError: it could tell a recorder from a value, reach out of its world, or not end.
    """
    if code.co_flags & (_COROUTINE if nested else _COROUTINE | _GENERATOR):
        raise RefusedError("it is no plain function")
    opcodes = frozenset(code.co_code[::2])
    if opcodes & refused:
        raise RefusedError("it tests identity or type, catches exceptions, imports or the like")
    if opcodes & _JUMPS_BACK and not _goes_on(code):
        raise RefusedError("it has a loop that may not end")
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _checked_names(constant, refused, nested=True)
    for name in names:
        if name.startswith("__") and name not in ("__init__", "__class__"):
            raise RefusedError(f"it uses {name}")
    return names


def _goes_on(code: CodeType) -> bool:
    """Tell whether each loop of the code goes through something."""
    text = code.co_code
    argument = 0
    for position in range(0, len(text), 2):
        opcode = text[position]
        argument = argument << 8 | text[position + 1]
        if opcode in _JUMPS_BACK:
            start = position + 2  # jumps are counted from what comes next
            while text[start] == _CACHE:
                start += 2
            if text[start - 2 * argument] != _FOR:
                return False
        if opcode != _EXTENDED:
            argument = 0
    return True
