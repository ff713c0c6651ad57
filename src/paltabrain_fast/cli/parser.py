"""The parser of the commands that need no extra: an error is one line, without any value."""

from __future__ import annotations

import argparse
import re
from typing import Final, NoReturn

__all__ = ["OneLineParser", "parse_known_options"]

_OPTION_NAME: Final = re.compile(r"--[\w-]+|-\w")


class OneLineParser(argparse.ArgumentParser):
    """A parser that prints an error in one line; argparse would print the usage as well."""

    def error(self, message: str) -> NoReturn:
        """End the program with code 2."""
        self.exit(2, f"{self.prog}: error: {message} (see --help)\n")


def parse_known_options(
    parser: argparse.ArgumentParser, argv: list[str] | None, *, surplus: str
) -> argparse.Namespace:
    """Parse arguments; of those that are unknown, only the names of options are shown.

    After a typo, any other word may be the API key.

    Args:
        parser: the parser.
        argv: the arguments, ``sys.argv[1:]`` if not given.
        surplus: what is wrong if a word is left over that is no option.

    Raises:
        SystemExit: with code 2 after an error.
    """
    arguments, unknown = parser.parse_known_args(argv)
    if unknown:
        names = [match[0] for match in map(_OPTION_NAME.match, unknown) if match]
        parser.error(f"unknown option {names[0]}" if names else surplus)
    return arguments
