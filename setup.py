"""Builds the native engine; everything else is declared in ``pyproject.toml``.

All of it is one shared object, ``paltabrain_fast._native._core``: each Cython module, each file of
the C core and each hand-written C file of the package, compiled once.

``PALTABRAIN_BUILD_STRICT=1`` turns compiler warnings into errors, ``PALTABRAIN_BUILD_SANITIZE=1``
builds under AddressSanitizer and UBSan. Neither is on in a user's build.
"""

import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

PACKAGE = "paltabrain_fast._native"
NATIVE = Path("src/paltabrain_fast/_native")
CORE = Path("csrc")

# What is written by hand, beside the Cython modules.
C_FILES = [
    *(NATIVE / name for name in ("_core.c", "cpython_bridge.c", "object_locks.c")),
    *sorted(CORE.glob("*.c")),
]
HEADERS = [*CORE.glob("*.h"), *NATIVE.glob("*.h")]

CFLAGS = ["-std=c11", "-O3", "-fvisibility=hidden"]
LDFLAGS: list[str] = []
if sys.platform == "linux":  # calls of the interpreter go by a table of addresses, without a stub
    CFLAGS += ["-fno-plt"]
    LDFLAGS += ["-Wl,-z,relro,-z,now"]
if "-g" not in os.environ.get("CFLAGS", "").split():
    CFLAGS += ["-g0"]  # many interpreters ask for debug information, three times the code in size
    if sys.platform == "linux" and not os.environ.get("PALTABRAIN_BUILD_SANITIZE"):
        LDFLAGS += ["-Wl,--strip-all"]  # nor are the names of functions needed that nobody calls
if os.environ.get("PALTABRAIN_BUILD_STRICT"):
    CFLAGS += ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
    CFLAGS += ["-Wno-missing-field-initializers"]  # those that 3.15 has added to types
if os.environ.get("PALTABRAIN_BUILD_SANITIZE"):
    CFLAGS += ["-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    LDFLAGS += ["-fsanitize=address,undefined"]

modules = cythonize(
    [
        Extension(f"{PACKAGE}.{source.stem}", [str(source)])
        for source in sorted(NATIVE.glob("*.pyx"))
    ],
    build_dir="build/cython",
    compiler_directives={
        "language_level": 3,
        "freethreading_compatible": True,
        "boundscheck": False,
        "wraparound": False,
    },
)

setup(
    ext_modules=[
        Extension(
            f"{PACKAGE}._core",
            [*map(str, C_FILES), *(source for module in modules for source in module.sources)],
            include_dirs=[str(CORE), str(NATIVE)],
            depends=sorted(map(str, HEADERS)),
            extra_compile_args=CFLAGS,
            extra_link_args=LDFLAGS,
        )
    ],
)
