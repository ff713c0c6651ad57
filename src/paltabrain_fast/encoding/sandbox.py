"""The sandbox that generated code is executed in: it finds proxies there and reaches nothing else.

A function of the generated module is copied. The copy has the same bytecode, but its globals and
builtins are proxies of what it may use, and nothing else. There are two reasons to copy the code
object, too: no debugger's breakpoint stops in the copy, and the interpreter, which specializes
bytecode for the types that it meets, does not specialize the original for proxies.
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

from .paths import PathExplorer, RefusedError
from .symbolic import Proxy, SymbolicFunction, SymbolicMessageClass, SymbolicValue, value_of
from .symbolic_functions import BUILTINS, SET_PROTO
from .values import set_proto

__all__ = [
    "Binding",
    "Sandbox",
    "SymbolicClass",
    "SymbolicInstance",
    "binding_holds",
    "class_attribute",
    "has_constant_defaults",
    "is_constant",
]

_ABSENT: Final = object()

# Tests of identity or type could tell a proxy from a real value. Code that catches exceptions could
# swallow a RefusedError. The other instructions reach out of the sandbox.
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

# flags of code objects, as ``inspect`` names them, which takes long to import
_GENERATOR: Final = 0x20
_COROUTINE: Final = 0x80 | 0x100 | 0x200

_CONSTANTS: Final = (str, int, bool, bytes, type(None))


class Binding(NamedTuple):
    """A global name and the value that it had when a function was recognised.

    As soon as the name stands for another value, the function may do something else.

    Attributes:
        namespace: the globals of the module.
        name: the name in it.
        value: its value, or a weak reference to it if it would keep its module alive; ``_ABSENT``
            if the module did not define the name, so that it was that of a builtin.
    """

    namespace: dict[str, Any]
    name: str
    value: object


def binding_holds(namespace: dict[str, Any], name: str, value: object) -> bool:
    """Tell whether the name still stands for the value of its ``Binding``."""
    found = namespace.get(name, _ABSENT)
    if type(value) is ref:
        expected = value()
        return expected is not None and found is expected
    return found is value


def is_constant(binding: Binding, constant: type = type) -> bool:
    """Tell whether a binding is one of a builtin, a class, or an instance of ``constant``."""
    value = binding.value() if type(binding.value) is ref else binding.value
    return value is _ABSENT or isinstance(value, (type, constant))


def class_attribute(owner: type, name: str, default: object = None) -> Any:
    """Look up an attribute on a class and its bases, without calling descriptors."""
    for base in owner.__mro__:
        if name in base.__dict__:
            return base.__dict__[name]
    return default


class Sandbox:
    """Executes methods of one class symbolically, and notes what they depend on.

    Not thread-safe: one sandbox for each method that is recognised.

    Attributes:
        explorer: decides how truth tests come out.
        bindings: the names that the functions have looked up in modules.
        functions: the functions that were isolated: the method and those that it may call.
        names: the attributes of the class that were used.

    Args:
        owner: the class whose methods are executed.
        extra_builtins: proxies of further builtins that the code may use, by name.
        represent: returns a proxy of a value that the code finds in a module or a class and that
            the sandbox does not know; ``None`` if the code may not use it.
        never_none: whether the values behind the proxies are never ``None``. If they may be, code
            that tests for ``None`` is refused.
    """

    def __init__(
        self,
        owner: type,
        extra_builtins: Mapping[str, Proxy] = MappingProxyType({}),
        represent: Callable[[object], Proxy | None] = lambda _: None,
        never_none: bool = True,
    ) -> None:
        self.explorer = PathExplorer()
        self.bindings: list[Binding] = []
        self.functions: list[FunctionType] = []
        self.names: set[str] = set()
        self._owner = owner
        self._extra_builtins = extra_builtins
        self._represent_unknown = represent
        self._refused = _REFUSED_OPCODES | (frozenset() if never_none else _TESTS_FOR_NONE)
        self._isolated: dict[FunctionType, FunctionType] = {}

    def isolate(self, function: FunctionType) -> FunctionType:
        """Return a copy of the function that reaches nothing outside of the sandbox.

        Raises:
            RefusedError: its code could tell a proxy from a real value, reach out, or not end.
        """
        isolated = self._isolated.get(function)
        if isolated is None:
            code, closure = function.__code__, None
            if getattr(function, "__builtins__") is not vars(builtins):  # noqa: B009
                raise RefusedError("it has builtins of its own")
            if code.co_freevars:
                (cell,) = function.__closure__ or (CellType(),)
                if code.co_freevars != ("__class__",):
                    raise RefusedError("it uses a variable of a function around it")
                closure = (CellType(self.class_proxy(cell.cell_contents)),)
            copy = code.replace(co_filename="<sandbox>", co_name="isolated")
            found: dict[str, Any] = {"__builtins__": {}}
            isolated = FunctionType(copy, found, closure=closure)
            isolated.__defaults__ = function.__defaults__
            isolated.__kwdefaults__ = function.__kwdefaults__
            self._isolated[function] = isolated  # before its globals, since it may call itself
            self.functions.append(function)
            names = _checked_names(code, self._refused)
            found.update(self._lookup(function.__globals__, names))
        return isolated

    def class_proxy(self, found: type) -> Proxy:
        """Return a proxy of a class that the instance belongs to: its own or a base."""
        if found not in self._owner.__mro__:
            raise RefusedError("it was written for another class")
        return Proxy(SymbolicClass(self, found))

    def class_member(
        self, name: str, cls: type | None = None, instance: SymbolicValue | None = None
    ) -> Any:
        """Return what the code finds under a name on the class or on an instance.

        Args:
            name: name of the attribute.
            cls: the class; by default the owner.
            instance: the instance, if the code asks it and not the class.

        Raises:
            RefusedError: generated code does not use such an attribute.
        """
        cls = self._owner if cls is None else cls
        if instance is None and class_attribute(type(cls), name) is not None:  # of the metaclass
            raise RefusedError(f"it reads {name} of a class")
        value = class_attribute(cls, name, _ABSENT)
        self.names.add(name)
        if type(value) is staticmethod:
            value = value.__func__
            if type(value) is FunctionType:
                return self._callable(value)
        elif type(value) is classmethod and type(value.__func__) is FunctionType:
            return self._callable(value.__func__, Proxy(SymbolicClass(self, cls)))
        elif type(value) is FunctionType:
            return self._callable(value, *([] if instance is None else [Proxy(instance)]))
        elif type(value) is property and type(value.fget) is FunctionType and instance is not None:
            return self.isolate(value.fget)(Proxy(instance))
        seen = self._represent(value, {})
        if seen is _ABSENT:
            raise RefusedError(f"it reads {name}")
        return seen

    def _callable(self, function: FunctionType, *first: Proxy) -> Proxy:
        if function is set_proto:
            if first:
                raise RefusedError("it calls set_proto() as a method")
            return SET_PROTO
        if not has_constant_defaults(function):
            raise RefusedError(f"{function.__name__}() has defaults that may change")
        isolated = self.isolate(function)
        return Proxy(
            SymbolicFunction(lambda *args, **keywords: isolated(*first, *args, **keywords))
        )

    def _lookup(self, namespace: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in names:
            value = namespace.get(name, _ABSENT)
            seen = self._builtin(name) if value is _ABSENT else self._represent(value, namespace)
            if seen is not _ABSENT:
                found[name] = seen
                kept = ref(value) if _keeps_module_alive(value) else value
                self.bindings.append(Binding(namespace, name, kept))
        return found

    def _builtin(self, name: str) -> object:
        if name in self._extra_builtins:
            return self._extra_builtins[name]
        return _TYPE_OF if name == "type" else BUILTINS.get(name, _ABSENT)

    def _represent(self, value: Any, namespace: dict[str, Any]) -> object:
        """Return what the code sees of a value in a module or a class; ``_ABSENT`` if nothing."""
        if value is set_proto:
            return SET_PROTO
        if isinstance(value, type) and issubclass(value, Message):
            return Proxy(SymbolicMessageClass(self.explorer, value))
        if type(value) in (type, BuiltinFunctionType) and value in _BUILTIN_NAMES:
            return self._builtin(_BUILTIN_NAMES[value])
        if type(value) is FunctionType:
            known = value.__globals__ is namespace and has_constant_defaults(value)
            return self.isolate(value) if known else _ABSENT
        if type(value) is ModuleType:
            return Proxy(_SymbolicModule(self, value))
        if type(value) in _CONSTANTS:
            return value
        seen = self._represent_unknown(value)
        if seen is None and isinstance(value, type) and value in self._owner.__mro__:
            seen = self.class_proxy(value)
        return _ABSENT if seen is None else seen

    def module_attribute(self, module: ModuleType, name: str) -> object:
        """Return what the code finds under a name in another module; ``_ABSENT`` if nothing."""
        return self._lookup(vars(module), {name}).get(name, _ABSENT)


class SymbolicInstance(SymbolicValue):
    """The instance that a method is called on.

    Args:
        sandbox: the sandbox that the method is executed in.
        attributes: proxies of its attributes, by name; all others are those of the class.
    """

    def __init__(self, sandbox: Sandbox, attributes: Mapping[str, Proxy]) -> None:
        self._sandbox = sandbox
        self._attributes = attributes

    def attribute(self, name: str) -> Any:
        if name in self._attributes:
            return self._attributes[name]
        if name == "__class__":
            return Proxy(SymbolicClass(self._sandbox))
        return self._sandbox.class_member(name, instance=self)


class SymbolicClass(SymbolicValue):
    """A class that the instance belongs to.

    Attributes:
        cls: the class; ``None`` for the class of the instance, whichever that is.
    """

    def __init__(self, sandbox: Sandbox, cls: type | None = None) -> None:
        self._sandbox = sandbox
        self.cls = cls

    def attribute(self, name: str) -> Any:
        return self._sandbox.class_member(name, self.cls)


class _SymbolicModule(SymbolicValue):
    def __init__(self, sandbox: Sandbox, module: ModuleType) -> None:
        self._sandbox = sandbox
        self._module = module

    def attribute(self, name: str) -> Any:
        found = self._sandbox.module_attribute(self._module, name)
        return super().attribute(name) if found is _ABSENT else found


def _type_of(instance: Any) -> Any:
    if type(instance) is Proxy and isinstance(value_of(instance), SymbolicInstance):
        return value_of(instance).attribute("__class__")
    raise RefusedError("it asks for the type of a value")


_TYPE_OF: Final = Proxy(SymbolicFunction(_type_of))

_BUILTIN_NAMES: Final[dict[object, str]] = {
    vars(builtins)[name]: name for name in (*BUILTINS, "type")
}
"""The name of each builtin; code may know it under another name, as in ``get = getattr``."""


def has_constant_defaults(function: FunctionType) -> bool:
    """Tell whether the defaults of all parameters are constants such as numbers and texts."""
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    return all(type(value) in _CONSTANTS for value in defaults)


def _keeps_module_alive(value: object) -> bool:
    """Tell whether a value refers to its module; a message class does not."""
    if isinstance(value, type):
        return not issubclass(value, Message)
    return type(value) in (FunctionType, ModuleType)


def _checked_names(code: CodeType, refused: frozenset[int], nested: bool = False) -> set[str]:
    """Return the names that the code uses, those of nested functions included.

    Raises:
        RefusedError: it could tell a proxy from a real value, reach out of the sandbox, or not end.
    """
    if code.co_flags & (_COROUTINE if nested else _COROUTINE | _GENERATOR):
        raise RefusedError("it is no plain function")
    opcodes = frozenset(code.co_code[::2])
    if opcodes & refused:
        raise RefusedError("it tests identity or type, catches exceptions, imports or the like")
    if opcodes & _JUMPS_BACK and not _has_only_for_loops(code):
        raise RefusedError("it has a loop that may not end")
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _checked_names(constant, refused, nested=True)
    for name in names:
        if name.startswith("__") and name not in ("__init__", "__class__"):
            raise RefusedError(f"it uses {name}")
    return names


def _has_only_for_loops(code: CodeType) -> bool:
    """Tell whether every loop of the code is a ``for`` loop, and so ends with what it iterates."""
    bytecode = code.co_code
    argument = 0
    for position in range(0, len(bytecode), 2):
        opcode = bytecode[position]
        argument = argument << 8 | bytecode[position + 1]
        if opcode in _JUMPS_BACK:
            start = position + 2  # a jump is relative to the next instruction
            while bytecode[start] == _CACHE:
                start += 2
            if bytecode[start - 2 * argument] != _FOR:
                return False
        if opcode != _EXTENDED:
            argument = 0
    return True
