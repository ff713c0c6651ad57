"""Builds the native engine; everything else is declared in ``pyproject.toml``.

All of it is one shared object, ``paltabrain_fast._native._core``: each Cython module, each file of
the C core and each hand-written C file of the package, compiled once.

``PALTABRAIN_BUILD_STRICT=1`` turns compiler warnings into errors, ``PALTABRAIN_BUILD_SANITIZE=1``
builds under AddressSanitizer and UBSan. Neither is on in a user's build.
"""

import os
from glob import glob
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

PACKAGE = "paltabrain_fast._native"
NATIVE = "src/paltabrain_fast/_native"

# What is written by hand, beside the Cython modules.
C_FILES = [f"{NATIVE}/_core.c", f"{NATIVE}/cpython_bridge.c"]

CFLAGS = ["-std=c11", "-O3", "-fvisibility=hidden"]
LDFLAGS: list[str] = []
if "-g" not in os.environ.get("CFLAGS", "").split():
    CFLAGS += ["-g0"]  # many interpreters ask for debug information, three times the code in size
if os.environ.get("PALTABRAIN_BUILD_STRICT"):
    CFLAGS += ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
    CFLAGS += ["-Wno-missing-field-initializers"]  # those that 3.15 has added to types
if os.environ.get("PALTABRAIN_BUILD_SANITIZE"):
    CFLAGS += ["-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    LDFLAGS += ["-fsanitize=address,undefined"]

modules = cythonize(
    [
        Extension(f"{PACKAGE}.{Path(source).stem}", [source])
        for source in sorted(glob(f"{NATIVE}/*.pyx"))
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
            [
                *C_FILES,
                *sorted(glob("csrc/*.c")),
                *(source for module in modules for source in module.sources),
            ],
            include_dirs=["csrc", NATIVE],
            depends=sorted(glob("csrc/*.h") + glob(f"{NATIVE}/*.h")),
            extra_compile_args=CFLAGS,
            extra_link_args=LDFLAGS,
        )
    ],
)
