"""Runs the fuzzer atheris with the options of libFuzzer; ``make fuzz-coverage`` calls it.

The fuzzer sees the coverage of the native code, which clang has instrumented, and of the Python
code that decodes the inputs.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["tests"]):
    from tests.fuzz.cases import check, packages

if __name__ == "__main__":
    with packages() as candidates:
        command = f"{sys.executable} {sys.argv[0]}"  # which merging starts again
        atheris.Setup([command, *sys.argv[1:]], lambda data: check(candidates, data))
        atheris.Fuzz()
