"""Builds the native engine; everything else is declared in ``pyproject.toml``.

``PALTABRAIN_BUILD_STRICT=1`` turns compiler warnings into errors, ``PALTABRAIN_BUILD_SANITIZE=1``
builds under AddressSanitizer and UBSan. Neither is on in a user's build.
"""

import os

from Cython.Build import cythonize
from setuptools import Extension, setup

CFLAGS = ["-std=c11", "-O3", "-fvisibility=hidden"]
LDFLAGS: list[str] = []
if os.environ.get("PALTABRAIN_BUILD_STRICT"):
    CFLAGS += ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter"]
    CFLAGS += ["-Wno-missing-field-initializers"]  # those that 3.15 has added to types
if os.environ.get("PALTABRAIN_BUILD_SANITIZE"):
    CFLAGS += ["-g", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"]
    LDFLAGS += ["-fsanitize=address,undefined"]

# module of paltabrain_fast._native -> parts of the C core that it links
MODULES: dict[str, list[str]] = {
    "fork": [],
    "uuid7": ["uuid7"],
    "base": [],
    "plan": [],
    "encode": ["encode"],
    "watch": [],
    "classes": [],
    "events": [],
    "contexts": [],
    "track": ["ring", "context", "encode", "record"],
    "engine": ["ring", "context", "encode", "record", "number", "frame"],
}

setup(
    ext_modules=cythonize(
        [
            Extension(
                f"paltabrain_fast._native.{module}",
                [f"src/paltabrain_fast/_native/{module}.pyx"]
                + [f"csrc/pbf_{part}.c" for part in parts],
                include_dirs=["csrc"],
                extra_compile_args=CFLAGS,
                extra_link_args=LDFLAGS,
            )
            for module, parts in MODULES.items()
        ],
        compiler_directives={
            "language_level": 3,
            "freethreading_compatible": True,
            "boundscheck": False,
            "wraparound": False,
        },
    ),
)
