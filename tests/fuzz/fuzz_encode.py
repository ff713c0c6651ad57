"""Drives atheris, and so libFuzzer, whose options it takes; ``make fuzz-coverage`` runs it.

Its guides are the native code, which clang has instrumented, and what the input is decoded to.
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["tests.fuzz.cases", "tests.fuzz.reader"]):
    from tests.fuzz.cases import check, packages

if __name__ == "__main__":
    with packages() as candidates:
        atheris.Setup(sys.argv, lambda data: check(candidates, data))
        atheris.Fuzz()
