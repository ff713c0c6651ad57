"""Runs services in the main interpreter, one after the other, and then in another.

``run KIND NAME...``, where the kind is "isolated" or "legacy", which is all that 3.13 and later
can import protobuf in.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

kind, *names = sys.argv[1:]
is_new = sys.version_info >= (3, 13)
interpreters: Any = import_module("_interpreters" if is_new else "_xxsubinterpreters")
directory = Path(__file__).parent
source = "\n".join((directory / f"{name}.py").read_text() for name in names)
exec(source)
interpreter = (
    interpreters.create("legacy") if is_new else interpreters.create(isolated=kind == "isolated")
)
path = f"import sys\nsys.path.insert(0, {str(directory.parents[2])!r})\n"
failure = interpreters.run_string(interpreter, path + source)
assert failure is None, failure
interpreters.destroy(interpreter)
print("destroyed")
