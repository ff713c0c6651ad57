"""What is masked in texts of others, and what only looks like the key."""

from __future__ import annotations

import pytest

from paltabrain_fast.process.masking import masked

KEY = "1237c694a824422a88e2a3c5a90510e3"


@pytest.mark.parametrize(
    ("text", "secret", "expected"),
    [
        (f"'{KEY}' is wrong, {KEY}.", KEY, "'***' is wrong, ***."),
        (f"X-API-Key: {KEY}\n", KEY, "X-API-Key: ***\n"),
        (f"a{KEY} {KEY}0 _{KEY}", KEY, f"a{KEY} {KEY}0 _{KEY}"),
        ("an error: a is a", "a", "an error: a is a"),
        ("an error", "error", "an error"),
        ("errors of an error.log", "errors", "*** of an error.log"),
        ("(a.b+c)", "a.b+c", "(a.b+c)"),
        ("a.b+c)d or aXb+c)d", "a.b+c)d", "*** or aXb+c)d"),
        ("anything", "", "anything"),
    ],
)
def test_only_the_key_as_a_whole_is_masked(text: str, secret: str, expected: str) -> None:
    assert masked(text, secret) == expected
