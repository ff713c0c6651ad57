"""Drives atheris, and so libFuzzer, whose options it takes; ``make fuzz-coverage`` runs it.

Its guides are the native code, which clang has instrumented, and the tests' Python, which
decodes the inputs.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["tests"]):
    from tests.fuzz.cases import check, packages

if __name__ == "__main__":
    with packages() as candidates:
        command = f"{sys.executable} {sys.argv[0]}"  # merging starts it again
        atheris.Setup([command, *sys.argv[1:]], lambda data: check(candidates, data))
        atheris.Fuzz()
